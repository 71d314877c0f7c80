"""People from person files: what the file holds, and pictures of them."""

from __future__ import annotations

import copy
import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from tests.viz.app.app_driver import sharpened
from tests.viz.render.made_people import person_of, written
from training.camera import FRONTAL
from training.checkpoint import weights_mark
from training.networks.generator import Generator
from viz.render import person_file
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.latents import intermediate_latents, motion_code
from viz.render.renderer import Renderer
from viz.state.animation.blending import blend_latents
from viz.state.errors import UserError
from viz.state.person import Latent, LatentShare, Motion
from viz.state.types import Orbit, Quality, RenderRequest, SessionState, Shot, View

EXACT = Quality(precision="float32")


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def sharp(small_generator: Generator) -> Generator:
    return sharpened(small_generator)


def shown(renderer: Renderer, latent: Latent, **changes: Any) -> np.ndarray:
    state = replace(SessionState(latent=latent), **changes)
    return pictures(renderer, state.shot())[0]


def pictures(renderer: Renderer, *shots: Shot) -> list[np.ndarray]:
    found = renderer.render(RenderRequest(shots, EXACT)).pictures
    return [picture for picture in found if picture is not None]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures show the same, but for rounding."""
    return bool(np.abs(one.astype(int) - other.astype(int)).max() <= 1)


def test_a_person_file_gives_back_what_was_written(sharp, tmp_path):
    person = person_of(sharp, tuned=0.1)
    path = tmp_path / "anna.person"
    person_file.write(path, person)
    found = person_file.read(str(path))
    assert np.array_equal(found.ws, person.ws)
    assert np.array_equal(found.motion, person.motion)
    for name in ("weights", "model", "name", "yaw", "pitch", "crop", "picture"):
        assert getattr(found, name) == getattr(person, name)
    assert found.tuned.keys() == person.tuned.keys()
    assert all(np.array_equal(found.tuned[name], person.tuned[name]) for name in person.tuned)
    small = person_file.pixels(found)
    assert small is not None
    assert small.shape == (128, 96, 3)
    assert [p.name for p in tmp_path.iterdir()] == ["anna.person"]
    person_file.write(path, replace(person, name="h\udce4nsel", model="old\udcc4.ckpt"))
    assert person_file.read(str(path)).name == "h\\udce4nsel"


def test_a_file_that_was_written_anew_is_read_anew(sharp, tmp_path):
    latent = written(tmp_path / "a.person", person_of(sharp, 1))
    renderer = Renderer(sharp)
    before = shown(renderer, latent)
    written(tmp_path / "a.person", person_of(sharp, 2, tuned=0.2))
    after = shown(renderer, latent)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, shown(Renderer(sharp), latent))


def bytes_of(tensors: dict[str, np.ndarray], **about: str) -> bytes:
    return save(tensors, about)


def parts(G: Generator) -> dict[str, np.ndarray]:
    person = person_of(G)
    return {
        "ws": person.ws,
        "motion": person.motion,
        "camera": np.zeros(2),
        "crop": np.zeros(4),
        "picture": np.zeros(0, np.uint8),
    }


_ABOUT = {"format": "pv3d-person", "version": "1", "weights": "x", "model": "", "name": ""}


@pytest.mark.parametrize(
    "change,about",
    [
        ({"ws": np.full((6, 16), np.nan, np.float32)}, {}),
        ({"ws": np.zeros((6, 16), np.float64)}, {}),
        ({"ws": np.zeros(96, np.float32)}, {}),
        ({"camera": np.array([0.0, 95.0])}, {}),
        ({"camera": np.zeros(3)}, {}),
        ({"picture": np.zeros(2**21, np.uint8)}, {}),
        ({"tuned/decoder.net.0.bias": np.full(16, np.inf, np.float16)}, {}),
        ({}, {"format": "pv3d-visualizer"}),
        ({}, {"name": "two\nlines"}),
    ],
)
def test_damaged_person_files_are_refused(sharp, tmp_path, change, about):
    path = tmp_path / "a.person"
    path.write_bytes(bytes_of(parts(sharp) | change, **(_ABOUT | about)))
    with pytest.raises(UserError, match=r"a\.person is not a person file, or is damaged"):
        person_file.read(str(path))


def test_what_is_no_person_file_is_refused(sharp, tmp_path):
    path = tmp_path / "a.person"
    header = json.dumps({"__metadata__": _ABOUT, "ws": {}}).encode()
    whole = bytes_of(parts(sharp), **_ABOUT)
    head = struct.pack("<Q", len(header)) + header
    for data in (b"", b"text", whole[:60], whole[:-1], head, struct.pack("<Q", 2**40)):
        path.write_bytes(data)
        with pytest.raises(UserError, match="not a person file"):
            person_file.read(str(path))
    path.write_bytes(bytes_of(parts(sharp), **(_ABOUT | {"version": "2"})))
    with pytest.raises(UserError, match="another version"):
        person_file.read(str(path))
    path.unlink()
    with pytest.raises(UserError, match="no longer exists"):
        person_file.read(str(path))
    path.mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        person_file.read(str(path))


def test_a_person_of_another_model_is_refused(sharp, tmp_path):
    other = copy.deepcopy(sharp)
    next(iter(other.decoder.parameters())).add_(0.01)
    latent = written(tmp_path / "anna.person", person_of(other))
    with pytest.raises(UserError, match=r"another model \(small\.safetensors\).*open that one"):
        intermediate_latents(sharp, latent, FRONTAL)
    mark = weights_mark(sharp.state_dict())
    for tuned in ({"decoder.nothing": np.zeros(3, np.float16)}, {"decoder.net.0.bias": [0.0]}):
        changed = {name: np.array(x, np.float16) for name, x in tuned.items()}
        latent = written(tmp_path / "anna.person", replace(person_of(sharp), tuned=changed))
        with pytest.raises(UserError, match="does not fit"):
            shown(Renderer(sharp), latent)
    flat = replace(person_of(sharp), ws=np.zeros((2, 16), np.float32), weights=mark)
    with pytest.raises(UserError, match="does not fit"):
        shown(Renderer(sharp), written(tmp_path / "anna.person", flat))


def test_a_tuned_person_is_shown_with_its_weights_and_nobody_else_is(sharp, tmp_path):
    person = person_of(sharp, 1, tuned=0.1)
    tuned = copy.deepcopy(sharp)
    for name, weight in tuned.named_parameters():
        if name in person.tuned:
            weight.add_(torch.from_numpy(person.tuned[name].astype(np.float32)))
    np.save(tmp_path / "ws.npy", person.ws)
    alone = Latent(ws_file=str(tmp_path / "ws.npy"))
    latent = written(tmp_path / "a.person", person)
    renderer = Renderer(sharp)
    plain = shown(renderer, Latent(3.0))
    views: tuple[View, ...] = ("image", "raw", "normals")
    for view in views:
        found = pictures(renderer, SessionState(latent=latent).shot(view))
        expected = pictures(Renderer(tuned), SessionState(latent=alone).shot(view))
        assert np.array_equal(found[0], expected[0])
    assert not alike(shown(renderer, latent), shown(renderer, alone))
    renderer.cache.clear()
    assert np.array_equal(shown(renderer, Latent(3.0)), plain)


def test_many_tuned_people_take_turns(sharp, tmp_path):
    """More of them in a request than copies are kept, twice over."""
    everyone = [written(tmp_path / f"{k}.person", person_of(sharp, k, 0.1)) for k in range(4)]
    renderer = Renderer(sharp)
    shots = tuple(SessionState(latent=latent).shot() for latent in everyone)
    alone = [shown(Renderer(sharp), latent) for latent in everyone]
    for _ in range(2):
        renderer.cache.clear()
        found = pictures(renderer, *shots)
        assert all(np.array_equal(a, b) for a, b in zip(found, alone, strict=True))


def test_tuned_weights_fade_as_the_person_does(sharp, tmp_path):
    one = written(tmp_path / "a.person", person_of(sharp, 1, 0.1))
    other = written(tmp_path / "b.person", person_of(sharp, 2, 0.1))
    renderer, seed = Renderer(sharp), Latent(3.0)
    assert np.array_equal(shown(renderer, replace(one, psi=0.0)), shown(renderer, Latent(psi=0.0)))
    gone = replace(one, blend=1.0, blend_seed=3)
    assert alike(shown(renderer, gone), shown(renderer, seed))
    mixed = replace(one, mix_seed=3, mix_layers=tuple(range(6)))
    assert np.array_equal(shown(renderer, mixed), shown(renderer, seed))
    for end in (seed, other):
        near = blend_latents(one, end, 1 - 1e-4)
        assert alike(shown(renderer, near), shown(renderer, end))
        near = blend_latents(one, end, 1e-4)
        assert alike(shown(renderer, near), shown(renderer, one))
    half = blend_latents(one, other, 0.5)
    assert half.others == (LatentShare(other, 0.5),)
    assert not alike(shown(renderer, half), shown(renderer, one))


def test_the_expression_of_the_photo_stays_throughout_the_clip(sharp, tmp_path):
    person = person_of(sharp, 1)
    latent = written(tmp_path / "a.person", person)
    renderer, kept = Renderer(sharp), replace(latent, expression=1.0)
    rest = shown(renderer, latent)
    smile = shown(renderer, kept)
    assert not np.array_equal(rest, smile)
    assert np.array_equal(shown(renderer, kept, motion=Motion(4.0)), smile)
    half = blend_latents(latent, kept, 0.5)
    assert (half.expression, half.others) == (0.5, ())
    way = blend_latents(kept, Latent(3.0), 0.25)
    moved = 0.5 * torch.from_numpy(motion_code(Motion(4.0), 16))
    for who, share in ((kept, 1.0), (half, 0.5), (way, 0.75), (latent, 0.0)):
        shot = SessionState(latent=who, motion=Motion(4.0), t=0.5).shot()
        code = moved + share * torch.from_numpy(person.motion)
        planes = sharp.planes(renderer.ws(shot), code, torch.ones(1, 1))
        camera = torch.from_numpy(shot.camera.numbers())[None]
        expected = sharp.render(planes, renderer.ws(shot), camera).image
        assert torch.allclose(renderer.raw(shot, EXACT).image, expected, atol=1e-3)


@pytest.mark.parametrize("noisy", [False, True])
def test_prepared_gpu_stages_take_other_weights_over(sharp, noisy):
    """On the CPU, where the same functions run without graphs."""
    plan = Plan.on_gpu("float32")
    own, other = copy.deepcopy(sharp), copy.deepcopy(sharp)
    draws = torch.Generator().manual_seed(1)
    for name, weight in other.named_parameters():
        if noisy or not name.endswith("noise_strength"):
            weight.add_(0.05 * torch.randn(weight.shape, generator=draws))
    stages = DeviceStages(own, plan, kernels=False)
    ws, motion = torch.randn(1, 6, 16), torch.randn(1, 16)
    before = stages.planes(ws, motion, lambda: None).planes()
    for weight, new in zip(own.parameters(), other.parameters(), strict=True):
        weight.copy_(new)
    stages.take_weights()
    after = stages.planes(ws, motion, lambda: None).planes()
    fresh = DeviceStages(other, plan, kernels=False).planes(ws, motion, lambda: None).planes()
    assert torch.equal(after, fresh)
    assert not torch.allclose(before, after)


def test_meshes_have_the_weights_of_their_person(sharp, tmp_path):
    latent = written(tmp_path / "a.person", person_of(sharp, 1, 0.1))
    renderer, quality = Renderer(sharp), replace(EXACT, mesh_resolution=48, mesh_level=1.0)
    state = SessionState(latent=latent, quality=quality, orbit=Orbit(yaw=10))
    request = RenderRequest((state.shot("mesh"),), quality)
    mesh = renderer.render(request).meshes[0]
    assert mesh is not None
    kept = renderer.generator(state.shot(), own=True)
    for seed in (5, 6):  # others overwrite what is not kept
        shown(renderer, written(tmp_path / f"{seed}.person", person_of(sharp, seed, 0.1)))
    for name, change in person_of(sharp, 1, 0.1).tuned.items():
        expected = sharp.get_parameter(name) + torch.from_numpy(change.astype(np.float32))
        assert torch.equal(kept.get_parameter(name), expected)


def test_weights_that_are_a_single_number_come_back(sharp, tmp_path):
    person = person_of(sharp, 1, tuned=0.1)
    written(tmp_path / "a.person", person)
    found = person_file.read(str(tmp_path / "a.person"))
    assert any(change.shape == () for change in found.tuned.values())
    assert all(change.shape == person.tuned[name].shape for name, change in found.tuned.items())

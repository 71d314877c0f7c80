"""Photos become persons: of a generator's own people, whose truth is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from training.config import GeneratorConfig
from training.metrics.geometry import project
from training.networks.generator import Generator
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.faces.face import LEFT_LIDS, RIGHT_LIDS
from viz.portrait.inversion.code_search import CodeSearch, FittedShot, camera_of, planes
from viz.portrait.inversion.code_space import CodeSpace
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.inverting import FittedPerson, Inversion, refined_fit
from viz.portrait.inversion.likeness import Likeness
from viz.portrait.inversion.occupancy import Occupancy
from viz.portrait.inversion.photo_target import FacePhoto, PhotoTarget
from viz.portrait.inversion.weight_tuning import WeightTuning

Photo = tuple[torch.Tensor, np.ndarray]
State = Mapping[str, torch.Tensor] | None

FEW = InversionOptions(candidates=2, code_steps=5, tuning_steps=3)
FIT = CameraFit(yaw=4.0, pitch=-2.0, centre=(52.0, 48.0), side=80.0, angle=3.0)


@pytest.fixture(scope="module")
def generator(small_config: GeneratorConfig) -> Generator:
    """Small, and with shapes that stand out."""
    torch.manual_seed(0)
    G = Generator(small_config).eval().requires_grad_(False)
    G.get_parameter("decoder.net.2.weight")[0] *= 20
    return G


@pytest.fixture(scope="module")
def photo() -> Photo:
    """Something like a face, and landmarks in an oval around its middle."""
    draws = torch.Generator().manual_seed(1)
    pixels = torch.nn.functional.interpolate(
        torch.rand((1, 3, 6, 6), generator=draws), (96, 96), mode="bicubic"
    )[0]
    turns = np.linspace(0, 2 * math.pi, 468)
    oval = np.stack([52 + 20 * np.cos(turns), 48 + 28 * np.sin(turns)], axis=1)
    return pixels.clamp(0, 1), oval.astype(np.float32)


def inversion(
    G: Generator, photo: Photo, options: InversionOptions = FEW, state: State = None
) -> Inversion:
    return Inversion(G, [FacePhoto(photo[0], photo[1], FIT)], options, state)


def finished(
    G: Generator, photo: Photo, options: InversionOptions = FEW, state: State = None
) -> FittedPerson:
    made = inversion(G, photo, options, state)
    for _ in made.run():
        pass
    return made.person()


@pytest.fixture(scope="module")
def whole(generator: Generator, photo: Photo) -> FittedPerson:
    """Found without a stop."""
    return finished(generator, photo)


def same(a: FittedPerson, b: FittedPerson) -> bool:
    tensors = [(a.ws, b.ws), (a.motion, b.motion)]
    if a.tuned is not None and b.tuned is not None:
        tensors += [(a.tuned[name], b.tuned[name]) for name in a.tuned]
    return a.fit == b.fit and all(torch.equal(x, y) for x, y in tensors)


def test_the_person_comes_closer_to_the_photo_at_each_stage(generator, photo):
    start = finished(generator, photo, InversionOptions(candidates=4, code_steps=0, tuning=False))
    longer = InversionOptions(candidates=4, code_steps=30, tuning_steps=20)
    searching = inversion(generator, photo, dataclasses.replace(longer, tuning=False))
    for _ in searching.run():
        pass
    codes = searching.person()
    tuned = finished(generator, photo, longer, searching.state())
    assert codes.tuned is None
    assert codes.figures["psnr"] > start.figures["psnr"] + 0.5
    assert tuned.figures["psnr"] > codes.figures["psnr"] + 0.1


def test_what_a_person_holds_shows_its_picture(generator, photo):
    """Latents, motion, camera and half-precision differences are all that is needed."""
    person = finished(generator, photo, dataclasses.replace(FEW, tuning_steps=12))
    assert person.tuned is not None
    state = generator.state_dict()
    assert set(person.tuned) <= set(state)
    G = Generator(generator.config)
    G.load_state_dict(
        {name: value + person.tuned.get(name, torch.zeros(())) for name, value in state.items()}
    )
    c = torch.from_numpy(person.fit.camera.numbers())[None]
    with torch.no_grad():
        ws, motion = person.ws[None], person.motion[None]
        raw = G.render(planes(G, ws, motion), ws, c)
        image = G.superresolve(raw, ws)[0].clamp(-1, 1) * 127.5 + 127.5
    assert np.abs(image.permute(1, 2, 0).numpy() - person.picture).max() < 2.5
    assert all(not name.startswith("backbone.mapping") for name in person.tuned)


def test_codes_stand_for_the_same_person_on_another_device(generator, monkeypatch):
    """Whose decomposition may turn any axis the other way."""
    people = torch.randn((2, 3), generator=torch.Generator().manual_seed(5))
    here = CodeSpace.of(generator, 0)
    svd = torch.linalg.svd
    monkeypatch.setattr(
        torch.linalg, "svd", lambda *a, **k: (lambda u, s, v: (-u, s, -v))(*svd(*a, **k))
    )
    there = CodeSpace.of(generator, 0)
    assert torch.equal(people @ here.directions[:3], people @ there.directions[:3])
    assert torch.equal(here.motions, there.motions)


def test_the_seed_decides(generator, photo, whole):
    assert same(whole, finished(generator, photo))
    assert not same(whole, finished(generator, photo, dataclasses.replace(FEW, seed=1)))


@pytest.mark.parametrize("stop", [1, 3, 6, 8, 9])
def test_a_stopped_inversion_keeps_its_person_and_goes_on_as_if_uninterrupted(
    generator, photo, whole, stop
):
    stopped = inversion(generator, photo)
    running = stopped.run()
    for _ in range(stop):
        next(running)
    running.close()
    kept = stopped.person()
    assert kept.picture.shape == (generator.config.image_resolution,) * 2 + (3,)
    assert math.isfinite(kept.figures["psnr"])
    assert same(whole, finished(generator, photo, FEW, stopped.state()))


def test_several_photos_give_one_person(generator, photo, whole):
    """Whose codes, and whose tuned weights, depend on each of them; stopped likewise."""
    pixels, marks = photo
    frames = [
        FacePhoto(pixels, marks, FIT),
        FacePhoto(pixels.flip(0), marks + 3, dataclasses.replace(FIT, yaw=-9.0)),
    ]

    def made(photos: list[FacePhoto], state: State = None) -> Inversion:
        return Inversion(generator, photos, FEW, state)

    def finish(inversion: Inversion) -> FittedPerson:
        for _ in inversion.run():
            pass
        return inversion.person()

    both, alone = finish(made(frames)), whole
    assert both.fit != alone.fit and not torch.equal(both.ws, alone.ws)
    stopped = made(frames)
    running = stopped.run()
    for _ in range(8):
        next(running)
    running.close()
    assert same(both, finish(made(frames, stopped.state())))


def test_progress_rises_to_the_end_and_shows_pictures(generator, photo):
    told = list(inversion(generator, photo).run())
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert [p.stage for p in told] == ["comparing"] * 2 + ["searching"] * 5 + ["fitting"] * 3
    assert told[0].picture is not None and told[0].picture.dtype == np.uint8
    assert told[-1].seconds_left == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"motion_dim": 0, "raw_layer": False},  # EG3D
        {"superresolution": "none"},
    ],
)
def test_other_kinds_of_generators(small_config, photo, change):
    torch.manual_seed(0)
    G = Generator(dataclasses.replace(small_config, **change)).eval().requires_grad_(False)
    person = finished(G, photo)
    assert person.motion.shape == (G.config.motion_dim,)
    assert person.ws.shape == (G.config.num_ws, G.config.w_dim)


def test_white_backgrounds_take_the_person_out_of_the_photo(small_config, photo):
    white = dataclasses.replace(small_config.rendering, white_background=True)
    torch.manual_seed(0)
    G = Generator(dataclasses.replace(small_config, rendering=white)).eval().requires_grad_(False)
    assert finished(G, photo).figures["psnr"] > 0


def test_it_runs_in_a_worker_that_only_infers(generator, photo, whole):
    """The renderer's process knows no gradients by default."""
    with torch.inference_mode():
        assert same(whole, finished(generator, photo))


@pytest.mark.parametrize("step", [0, 9])  # of the small raw pictures, and of the whole
def test_gradients_are_those_of_the_loss(small_config, photo, step):
    """Along random directions, against differences; importance samples carry no gradients."""
    plain = dataclasses.replace(small_config.rendering, importance_samples=0, white_background=True)
    torch.manual_seed(0)
    G = Generator(dataclasses.replace(small_config, rendering=plain)).eval().requires_grad_(False)
    one = FacePhoto(photo[0], photo[1], FIT)
    likeness = Likeness(PhotoTarget.of(one, G.config.image_resolution, True))
    search = CodeSearch(G, [one], [likeness], InversionOptions(candidates=1, code_steps=10))
    with torch.no_grad():  # away from 0, where the motion layers bend
        search.motion += torch.randn(
            search.motion.shape, generator=torch.Generator().manual_seed(5)
        )
    for name, value in search.values.items():
        draws = torch.Generator().manual_seed(3)
        direction = torch.randn(value.shape, generator=draws)
        direction *= 0.02 / direction.norm()

        def loss(shift: float, value=value, direction=direction) -> float:
            with torch.no_grad():
                value += shift * direction
                total = sum(float(part) for part in search.losses(step))
                value -= shift * direction
            return total

        value.grad = None
        for part in search.losses(step):
            part.backward()
        assert value.grad is not None
        expected = float((value.grad * direction).sum())
        assert loss(0.5) - loss(-0.5) == pytest.approx(expected, rel=0.05, abs=2e-5), name


def test_matter_counts_only_where_no_person_has_any(generator):
    occupancy = Occupancy.empty(generator, 0)
    codes = torch.randn((2, generator.config.z_dim), generator=torch.Generator().manual_seed(4))
    still = torch.zeros((1, generator.config.motion_dim))
    with torch.no_grad():
        first, second = (planes(generator, generator.mapping(z[None]), still) for z in codes)
        alone = float(occupancy.excess(first))
        occupancy.add(second)
        beside = float(occupancy.excess(first))
        occupancy.add(first)
    assert alone > beside > 0
    assert occupancy.excess(first) == occupancy.excess(second) == 0


def test_the_better_crop_shows_what_the_search_saw():
    """A moved, zoomed and turned lens on one crop sees what the plain one sees on another."""
    view = torch.tensor([[10.0, 5, 6, -0.2, 0.05, -0.08]])
    better = refined_fit(FIT, view[0].tolist())
    points = torch.rand((1, 20, 3), generator=torch.Generator().manual_seed(0)) - 0.5
    plain = torch.from_numpy(better.camera.numbers())[None]
    moved, still = (project(points, c)[0][0].double().numpy() for c in (camera_of(view), plain))
    assert np.allclose(FIT.square.to_picture(moved), better.square.to_picture(still), atol=1e-3)


def shown_by(generator: Generator) -> tuple[FittedShot, torch.Tensor]:
    """Somebody's expression, and its picture."""
    draws = torch.Generator().manual_seed(3)
    config = generator.config
    ws = generator.mapping(torch.randn((1, config.z_dim), generator=draws))
    motion = torch.randn((1, config.motion_dim), generator=draws)
    shot = FittedShot(ws, motion, camera_of(torch.zeros((1, 6))))
    with torch.no_grad():
        raw = generator.render(planes(generator, ws, motion), ws, shot.c)
        return shot, generator.superresolve(raw, ws)


def with_eyes(right: float, left: float) -> torch.Tensor:
    """Landmarks of an oval face whose eyes have these heights, in their widths."""
    turns = torch.linspace(0, 2 * math.pi, 468)
    points = 0.5 + 0.2 * torch.stack([turns.cos(), turns.sin()], dim=1)
    for lids, height, middle in ((RIGHT_LIDS, right, 0.4), (LEFT_LIDS, left, 0.6)):
        turns = torch.linspace(0, 2 * math.pi, len(lids))
        points[list(lids), 0] = middle + 0.05 * turns.cos()
        points[list(lids), 1] = 0.45 + 0.05 * height * turns.sin()
    return points


def target_of(picture: torch.Tensor, landmarks: torch.Tensor) -> PhotoTarget:
    return PhotoTarget(picture, None, torch.ones_like(picture[:, :1]), landmarks)


def test_only_open_eyes_belong_to_the_face_at_rest():
    picture = torch.zeros((1, 3, 64, 64))
    winking = target_of(picture, with_eyes(0.4, 0.1))
    (place,) = winking.open_eyes().nonzero()[:, 2:].float().mean(dim=0, keepdim=True) / 64
    assert place.tolist() == pytest.approx([0.45, 0.4], abs=0.02)
    likeness = Likeness(winking)
    assert float(likeness.eyes(picture)) == 0
    assert float(likeness.eyes(picture + 0.4)) == pytest.approx(0.4)
    assert float(Likeness(target_of(picture, with_eyes(0.1, 0.1))).eyes(picture + 0.4)) == 0


def test_other_expressions_change_as_the_photo_does(generator):
    """A tint of the photo is expected of the face at rest too; a photo that shows what the codes
    show already asks for nothing."""
    shot, shown = shown_by(generator)

    def asked(picture: torch.Tensor) -> float:
        likeness = Likeness(target_of(picture, with_eyes(0.1, 0.1)))
        occupancy = Occupancy.empty(generator, 0)
        tuning = WeightTuning(generator, [likeness], [shot], occupancy, FEW)
        _, expressions = tuning.losses(0)
        return float(expressions.detach())

    assert asked(shown + 0.4) > asked(shown) + 0.2

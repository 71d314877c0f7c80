"""The model that comes with the program: what a user sees first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from skimage.measure import label

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import Start
from training.checkpoint import load_generator
from training.networks.generator import Generator
from training.warmup.known_codes import Codes
from viz.render.latents import z_from_seed
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.scheduling.thumbnails import of_person
from viz.state import files, layouts
from viz.state.jobs import finish
from viz.state.person import Latent, Motion, Shift
from viz.state.types import ModelInfo, Orbit, Preview, Quality, RenderRequest, SessionState

DEMO = files.default_checkpoint()
PICTURE = Path(__file__).with_name("demo.png")
"""What the model shows for `STATE`; run this file to write it anew for a new model."""
STATE = SessionState(
    latent=Latent(x=3.0),
    motion=Motion(x=5.0),
    t=0.75,
    orbit=Orbit(yaw=18.0, pitch=4.0),
    quality=Quality(precision="float32"),
)

display, start = app_driver.display, app_driver.start


@pytest.fixture(scope="module")
def demo() -> Generator:
    return load_generator(DEMO)


def loaded() -> ModelInfo:
    return finish(load_model(DEMO, torch.device("cpu"))).info


@torch.inference_mode()
def picture(G: Generator, state: SessionState) -> np.ndarray:
    found = Renderer(G).render(layouts.full_request(state)).pictures[0]
    assert found is not None
    return found


def test_another_background_lies_right_up_to_the_outline(demo: Generator) -> None:
    """Where the picture shows nothing of the head, neither does the one before a colour."""
    state = replace(STATE, latent=Latent.at(17), orbit=Orbit())
    display = replace(state.display, background="color", background_color=(0.0, 1.0, 0.0))
    own, green = picture(demo, state), picture(demo, replace(state, display=display))
    empty = own.min(axis=2) > 246
    far = np.abs(green.astype(int) - (0, 255, 0)).max(axis=2) > 24
    assert empty.sum() > 20_000
    assert (empty & far).sum() < 100, "no halo"
    hair = own.max(axis=2) < 90
    assert np.abs(green.astype(int) - own)[hair].mean() < 3, "nor does the colour shine through"


def test_it_is_small_and_tells_what_it_is() -> None:
    assert Path(DEMO).stat().st_size < 25e6
    with safe_open(DEMO, framework="np") as file:
        names = list(file.keys())
        assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
    info = loaded()
    assert info.moves
    assert any("synthetic" in note for note in info.notes)
    assert len(info.people) >= 8
    assert len(info.motions) >= 4


def test_its_picture_stays_as_it_is(demo: Generator) -> None:
    expected = np.asarray(Image.open(PICTURE), np.float64)
    error = (picture(demo, STATE) - expected) / 255
    assert -10 * np.log10(np.square(error).mean() + 1e-12) > 45


def test_previews_look_like_the_full_picture(demo: Generator) -> None:
    """They were smeared, and their outlines scalloped."""
    renderer, full = Renderer(demo), layouts.full_request(STATE)
    with torch.inference_mode():
        found = {
            p: np.asarray(renderer.render(replace(full, preview=p)).pictures[0], np.float64)
            for p in (None, Preview(1.0, 0.65), Preview(1.0, 0.5), Preview(0.75, 0.65))
        }
    whole, *previews = found.values()
    ratios = [20 * np.log10(255 / np.sqrt(np.square(p - whole).mean())) for p in previews]
    assert np.all(np.array(ratios) > (36, 28, 27)), ratios


def test_previews_neither_miss_surfaces_nor_look_through_them(demo: Generator) -> None:
    """From the side, eyes and hair were gone; with few samples, half the head."""
    renderer = Renderer(demo)

    def error(state: SessionState, preview: Preview) -> float:
        full = layouts.full_request(state)
        with torch.inference_mode():
            whole, seen = (
                np.asarray(renderer.render(replace(full, preview=p)).pictures[0], np.float64)
                for p in (None, preview)
            )
        return float(np.abs(whole - seen).mean())

    sideways = replace(STATE, latent=Latent.at(17), orbit=Orbit(yaw=45.0))
    assert error(sideways, Preview(1.0, 0.5)) < 2.5
    for samples in (4, 8, 12):
        few = replace(STATE, quality=replace(STATE.quality, depth_samples=samples))
        assert error(few, Preview(1.0, 0.65)) < 10, samples


def test_at_the_beginning_of_the_clip_the_motion_does_not_matter(demo: Generator) -> None:
    at_rest = replace(STATE, t=0.0)
    first = picture(demo, at_rest)
    assert np.array_equal(first, picture(demo, replace(at_rest, motion=Motion(x=6.0))))
    assert not np.array_equal(first, picture(demo, STATE))


def test_anyone_is_a_whole_head_on_white(demo: Generator) -> None:
    for seed in range(100, 106):
        generator = torch.Generator().manual_seed(seed)
        z, z_motion = (torch.randn(1, 256, generator=generator) for _ in range(2))
        with torch.inference_mode():
            ws = demo.mapping(z)
            planes = demo.planes(ws, z_motion, torch.full((1, 1), 0.5))
            c = torch.from_numpy(Orbit().camera().numbers())[None]
            raw = demo.render(planes, ws, c)
            corners = demo.superresolve(raw, ws)[0, :, ::255, ::255]
        opacity = raw.opacity[0, 0]
        assert opacity[28:36, 28:36].min() > 0.95, "the face is solid"
        assert opacity[0].max() < 0.1, "the head ends within the picture"
        assert np.asarray(label(opacity.numpy() > 0.5)).max() == 1, "nothing floats beside the head"
        assert raw.image[0, :, :6, :6].min() > 0.9, "the background is white"
        assert corners[:, 0].min() > 0.92, "in its final corners as well"
        middle = raw.depth[0, 0, 24:40, 24:40]
        assert 2.2 < middle.min() < middle.max() < 2.9


def test_nobody_has_two_hair_styles_at_once(demo: Generator) -> None:
    """Near a change from one style to the next, codes gave traces of both: what lies between two
    people with different styles shows the one or the other."""
    number = Codes.draw(83, 16, demo).identity[44]  # decides on the style
    z = torch.from_numpy(z_from_seed(3, 256))[None]
    z = z / z.square().mean().sqrt()

    def w(value: float) -> torch.Tensor:
        return demo.mapping(z + (value - z @ number)[:, None] * number)[0, 0]

    for change in (-0.7063, 0.3585):  # from stubble to short hair; to a bob, without a beard
        left, near, close, right = (w(change + by) for by in (-0.15, -0.02, 0.02, 0.15))
        step = (right - left).norm()
        assert (near - left).norm() < 0.35 * step
        assert (right - close).norm() < 0.35 * step


def test_named_directions_change_what_they_say(demo: Generator) -> None:
    """Places are parts of the picture: left, top, right, bottom."""
    places = {
        "Smile": (0.35, 0.62, 0.65, 0.8),
        "Open mouth": (0.35, 0.62, 0.65, 0.85),
        "Blink": (0.3, 0.45, 0.7, 0.57),
        "Eye colour": (0.3, 0.45, 0.7, 0.57),
        "Shirt": (0.0, 0.85, 1.0, 1.0),
    }
    named = {direction.name: direction for direction in loaded().directions}
    assert len(named) >= 14
    renderer = Renderer(demo)
    for name, (left, top, right, bottom) in places.items():
        direction, shown = named[name], []
        for amount in (-2.0, 0.5, 2.0):
            shift = Shift(name, direction.vector, amount, base=direction.base)
            state = replace(STATE, t=1.0, orbit=Orbit(), latent=Latent(x=17.0))
            if direction.code == "motion":
                state.motion = replace(state.motion, shifts=(shift,))
            else:
                state.latent = replace(state.latent, shifts=(shift,))
            found = renderer.render(RenderRequest((state.shot("raw"),))).pictures[0]
            assert found is not None
            shown.append(found.astype(np.float64))
        low, middle, high = shown
        change = np.abs(high - low).mean(axis=-1)
        side = len(change)
        inside = np.zeros_like(change, bool)
        inside[
            round(top * side) : round(bottom * side), round(left * side) : round(right * side)
        ] = 1
        assert change[inside].mean() > 3 * change[~inside].mean(), name
        assert 0 < np.vdot(middle - low, high - low) < np.vdot(high - low, high - low), name


def test_the_program_opens_on_it(start: Start) -> None:
    desk = start(DEMO, panels=("Appearance", "Motion"))
    desk.settle()
    info, state = desk.model, desk.commands.state
    assert (state.latent.seed, state.motion.seed) == (info.people[0], info.motions[0])
    assert not desk.commands.history.can_undo, "the program chose them, not the user"
    assert not any("Untrained" in name for name in controls.rects)
    before = desk.picture()
    requests = [of_person(Latent.at(seed)) for seed in info.people]
    kept: set[bytes] = set()

    def all_differ() -> bool:
        found = [desk.commands.thumbnails.picture(request) for request in requests]
        kept.update(picture.tobytes() for picture in found if picture is not None)
        return len(kept) == len(info.people)

    desk.until(all_differ, 60.0)
    desk.click(f"Appearance/Persons/{info.people[2]}")
    desk.until(lambda: desk.commands.state.latent.seed == info.people[2])
    assert not np.array_equal(desk.picture(), before)
    desk.commands.undo()
    assert desk.commands.state.latent.seed == info.people[0]


if __name__ == "__main__":
    Image.fromarray(picture(load_generator(DEMO), STATE)).save(PICTURE)

"""What the panel announces is what is written."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import export, frame
from viz.exports.choices import ExportChoices, estimate, problems
from viz.exports.frame_layout import frame_size, people_across
from viz.exports.frame_options import (
    FrameOptions,
    Look,
    Movement,
    PictureOptions,
    VideoOptions,
)
from viz.exports.mesh_options import VolumeOptions
from viz.render.renderer import Renderer
from viz.state.types import LAYOUTS, Display, ModelInfo, Quality, SessionState, View

renderer = export_driver.renderer

VIEWS: tuple[tuple[View, ...], ...] = (
    (),
    ("raw",),
    ("image",),
    ("depth", "normals"),
    ("raw", "image", "opacity"),
)
STATES = [
    SessionState(display=Display(layout, view, columns=3), quality=quality)
    for layout, view in product(LAYOUTS, ("image", "raw"))
    for quality in (Quality(superresolution=False), Quality(raw_resolution=8))
]


@pytest.fixture
def model(renderer: Renderer) -> ModelInfo:
    config = renderer.G.config
    return ModelInfo(
        name="small",
        path="",
        format="PV3D",
        parameters=0,
        image_resolution=config.image_resolution,
        raw_resolution=config.rendering.raw_resolution,
        depth_samples=4,
        importance_samples=4,
        ray_range=(2.25, 3.3),
        box_warp=1.0,
        num_ws=config.num_ws,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        motion_dim=config.motion_dim,
        plane_resolution=config.plane_resolution,
        superresolution=config.superresolution,
        device="cpu",
    )


def announced(what: str, options, state: SessionState, model: ModelInfo, suffix: str) -> str:
    choices = ExportChoices(what, options={what: options}, suffixes={what: suffix})
    return " ".join(estimate(choices, state, model, {}).facts)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_frames_have_the_announced_size(renderer, model, count):
    people = tuple(range(count))
    for k, (state, views) in enumerate(product(STATES, VIEWS)):
        if k % 3 != count % 3:  # each count takes another third
            continue
        for columns in (None, 3) if count > 1 else (None,):
            look = Look(views, people, columns, height=40 if k % 2 else None)
            height, width = frame(renderer, state, look).shape[:2]
            assert frame_size(state, look, model) == (width, height), (state.display, look)


@pytest.mark.parametrize(
    "count,cell,across",
    [
        (2, (32, 32), 1),
        (3, (32, 32), 2),
        (5, (32, 32), 2),
        (7, (32, 32), 3),
        (8, (64, 32), 2),
        (5, (32, 64), 3),
    ],
)
def test_a_grid_of_people_is_about_square(count, cell, across):
    assert people_across(Look(people=tuple(range(count))), count, cell) == across


@pytest.mark.parametrize(
    "suffix,codec", [(".mp4", "auto"), (".mov", "prores"), (".gif", "auto"), (".webp", "auto")]
)
@pytest.mark.parametrize("height", [None, 33])
def test_files_have_the_announced_size(renderer, model, tmp_path, suffix, codec, height):
    look = Look(("raw", "depth"), (1, 2), height=height)
    state = SessionState()
    options = VideoOptions(Movement("still", frames=2), look, codec)
    path = export(renderer, "video", state, options, tmp_path / f"a{suffix}")
    if suffix in (".gif", ".webp"):
        with Image.open(path) as picture:
            size = picture.size
    else:
        with av.open(str(path)) as container:
            size = container.streams.video[0].width, container.streams.video[0].height
    facts = announced("video", options, state, model, suffix)
    assert f"{size[0]} \u00d7 {size[1]} px" in facts
    picture = export(renderer, "picture", state, PictureOptions(look), tmp_path / "a.png")
    with Image.open(picture) as opened:
        size = opened.size
    facts = announced("picture", PictureOptions(look), state, model, ".png")
    assert f"{size[0]} \u00d7 {size[1]} px" in facts


def test_a_volume_s_size_is_known():
    choices = ExportChoices("volume", options={"volume": VolumeOptions(64, half=True)})
    assert estimate(choices, SessionState(), None, {}).file_bytes == 64**3 * 2


@pytest.mark.parametrize(
    "options,state,told",
    [
        (FrameOptions(Movement("path")), SessionState(), "no keyframes"),
        (FrameOptions(look=Look(("raw",) * 4, height=8192)), SessionState(), "too large"),
        (FrameOptions(Movement(frames=0)), SessionState(), "frames is 0"),
    ],
)
def test_what_cannot_be_is_known_before(model, options, state, told):
    choices = ExportChoices("frames", options={"frames": options})
    found = problems(choices, state, model, Path("clip"))
    assert told in found[0]
    fine = ExportChoices("frames", options={"frames": FrameOptions()})
    assert problems(fine, replace(state, display=Display()), model, Path("clip")) == []

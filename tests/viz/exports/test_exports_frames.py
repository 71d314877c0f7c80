import contextlib
import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, files, frame, small_disk
from tests.viz.state.opened_sessions import open_session
from viz.exports import embedding
from viz.exports.frame_options import FrameOptions, Look, Movement, PictureOptions
from viz.exports.pictures.frame_renderer import FrameRenderer, scaled
from viz.exports.pictures.frames import export_frames
from viz.exports.table import EXPORTERS
from viz.exports.writing import ExistsError
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.errors import UserError
from viz.state.person import Latent
from viz.state.types import LAYOUTS, Display, Orbit, RenderRequest, SessionState

renderer = export_driver.renderer

TRANSPARENT = Look(background="transparent")
STATE = SessionState(t=0.5, orbit=Orbit(yaw=15))
FEW = Movement("orbit", frames=5, clip_plays=True)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_has_the_pixels_of_the_screen(renderer, tmp_path, layout):
    state = replace(STATE, display=Display(layout, columns=3))
    if layout == "split":
        state.before = replace(state.shot(), t=0.0)
    with torch.inference_mode():
        request = RenderRequest(layouts.shots(state), state.quality)
        shown = [p for p in renderer.render(request).pictures if p is not None]
    path = export(renderer, "picture", state, PictureOptions(), tmp_path / "a.png")
    assert np.array_equal(pixels(path), layouts.compose(state, shown))
    assert open_session(path) == state
    assert files(tmp_path) == ["a.png"]


@pytest.mark.parametrize("view", ["image", "raw", "depth", "normals", "opacity"])
def test_sixteen_bits_are_the_model_s_numbers(renderer, tmp_path, view):
    look = Look(views=(view,))
    path = export(renderer, "picture", STATE, PictureOptions(look, 16), tmp_path / "a.png")
    (wide,) = decoded(path, "rgb48le")
    assert np.array_equal(wide, frame(renderer, STATE, look, 16))
    narrow = frame(renderer, STATE, look)
    # Depth colours come from a table of 256 on the screen, and from between its entries here.
    most = 2.5 if view == "depth" else 0.51
    assert np.abs(wide / 257 - narrow).max() <= most
    assert len(np.unique(wide)) > len(np.unique(narrow))
    assert open_session(path) == STATE


@pytest.mark.parametrize("view", ["image", "raw"])
def test_straight_alpha_over_the_background_is_what_the_screen_shows(renderer, tmp_path, view):
    state = replace(STATE, display=Display(view=view))
    path = export(renderer, "picture", state, PictureOptions(TRANSPARENT, 16), tmp_path / "a.png")
    (rgba,) = decoded(path, "rgba64le")
    straight = rgba / 65535
    alpha = straight[..., 3:]
    assert alpha.min() < 0.1
    assert alpha.max() > 0.9
    with torch.inference_mode():
        raw = renderer.raw(state.shot(), state.quality)
        empty = renderer.backdrop(state.shot(), state.quality)
    behind = empty[0].permute(1, 2, 0).numpy()
    shown = frame(renderer, state, Look(), 16) / 65535
    blended = (alpha * straight[..., :3] + (1 - alpha) * behind).clip(0, 1)
    inside = (straight[..., :3] > 0).all(-1) & (straight[..., :3] < 1).all(-1)
    assert inside.mean() > 0.5
    assert np.abs(blended - shown)[inside].max() < 2.5 / 255
    if view == "raw":
        opacity = raw.opacity[0, 0].clamp(0, 1).numpy()
        assert np.abs(alpha[..., 0] - opacity).max() < 1e-4


def test_an_empty_scene_is_transparent(renderer):
    state = replace(STATE, orbit=Orbit(pivot=(3.0, 0.0, 0.2)))  # looks past the box
    assert frame(renderer, state, TRANSPARENT)[..., 3].max() <= 1
    assert frame(renderer, state, Look(("opacity",), background="transparent"))[..., 3].min() == 255


def test_people_and_views_stand_side_by_side(renderer):
    look = Look(views=("image", "depth"), people=(3, 4))
    grid = frame(renderer, STATE, look)
    side = frame(renderer, STATE).shape[0]
    assert grid.shape == (2 * side, 2 * side, 3)
    four = replace(STATE, latent=Latent(x=4.0))
    assert np.array_equal(grid[side:, :side], frame(renderer, four))
    depth = frame(renderer, four, Look(views=("depth",)))
    smooth = Image.fromarray(depth).resize((side, side), Image.Resampling.BILINEAR)
    assert np.abs(grid[side:, side:].astype(int) - np.asarray(smooth)).max() <= 1, "as in a window"
    assert frame(renderer, STATE, Look(people=(1, 2, 3, 4))).shape == (2 * side, 2 * side, 3)
    three = frame(renderer, STATE, Look(people=(1, 2, 3), columns=2))
    assert three.shape == (2 * side, 2 * side, 3)
    half = side // 2
    last = frame(renderer, replace(STATE, latent=Latent(x=3.0)))
    assert np.array_equal(three[side:, half : half + side], last), "in the middle of its row"
    assert not three[side:, :half].any()
    assert not three[side:, half + side :].any()


def test_frames_are_scaled(renderer):
    assert frame(renderer, STATE, Look(height=50)).shape == (50, 50, 3)
    assert frame(renderer, STATE, Look(("raw", "depth"), height=33)).shape == (33, 66, 3)
    assert frame(renderer, STATE, Look(height=50, background="transparent"), 16).shape == (
        50,
        50,
        4,
    )


def test_frames_that_no_reader_takes_are_not_made(renderer, tmp_path):
    look = Look(views=("image",) * 3, height=8000)
    with pytest.raises(UserError, match="24000 x 8000 pixels is too large"):
        export(renderer, "picture", STATE, PictureOptions(look), tmp_path / "a.png")
    assert files(tmp_path) == []
    Image.new("1", (20_000, 20_000)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match="could not be read"):
        open_session(tmp_path / "b.png")


def test_no_colour_bleeds_in_from_where_nothing_is():
    red = np.zeros((16, 16, 4), np.float32)
    red[:, :8] = 1, 0, 0, 1
    red[:, 8:] = 0, 1, 0, 0  # green that nobody sees
    small = scaled(red, (5, 5))
    seen = small[..., 3] > 0.01
    assert small[seen][:, 0].min() > 0.98
    assert small[seen][:, 1].max() < 0.02


def test_frames_are_numbered_and_open(renderer, tmp_path):
    folder = tmp_path / "clip"
    options = FrameOptions(FEW)
    assert export(renderer, "frames", STATE, options, folder) == folder
    names = [f"frame_000{k}.png" for k in range(5)]
    assert files(folder) == [*names, "session.json"]
    assert open_session(folder) == STATE
    assert open_session(folder / "session.json") == STATE
    third = open_session(folder / names[3])
    assert third.t == 0.75
    assert np.array_equal(pixels(folder / names[3]), frame(renderer, third))


def test_a_stopped_export_goes_on(renderer, tmp_path):
    folder, options = tmp_path / "clip", FrameOptions(FEW)
    steps = EXPORTERS["frames"].run(renderer, STATE, options, folder)
    with torch.inference_mode():
        while not (folder / "frame_0001.png").exists():
            next(steps)
        next(steps)  # within the third
        steps.close()
    assert files(folder) == ["frame_0000.png", "frame_0001.png", "session.json"]
    kept = (folder / "frame_0001.png").stat().st_mtime_ns
    (folder / "frame_0000.png").unlink()
    export(renderer, "frames", STATE, options, folder)
    assert (folder / "frame_0001.png").stat().st_mtime_ns == kept
    whole = export(renderer, "frames", STATE, options, tmp_path / "whole")
    for name in files(whole):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_other_frames_are_not_touched_unless_asked(renderer, tmp_path):
    folder = tmp_path / "clip"
    export(renderer, "frames", STATE, FrameOptions(FEW), folder)
    (folder / "notes.txt").write_text("mine")
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    fewer = FrameOptions(replace(FEW, frames=3))
    with pytest.raises(ExistsError, match="other frames"):
        export(renderer, "frames", STATE, fewer, folder)
    (folder / "session.json").unlink()
    with pytest.raises(ExistsError, match="other frames"):
        export(renderer, "frames", STATE, fewer, folder)
    assert {n: (folder / n).read_bytes() for n in files(folder)}.items() <= before.items()
    export(renderer, "frames", STATE, fewer, folder, overwrite=True)
    assert files(folder) == [
        *(f"frame_000{k}.png" for k in range(3)),
        "notes.txt",
        "session.json",
    ]


def test_another_model_s_frames_are_not_taken_for_ours(renderer, tmp_path):
    export(renderer, "frames", STATE, FrameOptions(FEW), tmp_path / "clip")
    other = copy.deepcopy(renderer.G)
    other.get_parameter("to_img_raw.weight").mul_(1.01)
    with pytest.raises(ExistsError):
        export(Renderer(other), "frames", STATE, FrameOptions(FEW), tmp_path / "clip")


def test_processes_share_the_frames(renderer, tmp_path):
    options = FrameOptions(FEW)
    export(renderer, "frames", STATE, options, tmp_path / "one")
    for rank in (1, 0):
        steps = export_frames(renderer, STATE, options, tmp_path / "two", share=(rank, 2))
        export_driver.finish(steps)
        if rank == 1:
            assert files(tmp_path / "two") == ["frame_0001.png", "frame_0003.png"]
    assert files(tmp_path / "two") == files(tmp_path / "one")
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_frames_take_no_more_memory_than_one(renderer):
    frames = FrameRenderer(renderer, Look(("image", "normals")))
    state = SessionState()
    export_driver.finish(frames.frame(state))
    kept = renderer.cache.used_bytes
    for yaw in range(10):
        export_driver.finish(frames.frame(replace(state, orbit=Orbit(yaw=yaw))))
    assert renderer.cache.used_bytes == kept
    assert renderer.stage_runs["planes"] == 1  # and they were kept


def test_an_export_leaves_the_screen_s_pictures_kept(renderer):
    request = RenderRequest((STATE.shot(),), STATE.quality)
    with torch.inference_mode():
        renderer.render(request)
        export_driver.finish(FrameRenderer(renderer, Look()).frame(STATE))
        runs = dict(renderer.stage_runs)
        renderer.render(request)
    assert renderer.stage_runs == runs


def test_a_full_disk_leaves_no_half_file(renderer, tmp_path):
    options = PictureOptions(bits=16)
    with small_disk(2000), pytest.raises(UserError, match=r"a\.png could not be saved.*too large"):
        export(renderer, "picture", STATE, options, tmp_path / "a.png")
    assert files(tmp_path) == []
    export(renderer, "picture", STATE, options, tmp_path / "a.png")
    old = (tmp_path / "a.png").read_bytes()
    other = replace(STATE, t=0.0)
    with small_disk(2000), pytest.raises(UserError):
        export(renderer, "picture", other, options, tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() == old
    with small_disk(5000), pytest.raises(UserError, match="frame_0000"):
        export(renderer, "frames", STATE, FrameOptions(FEW, bits=16), tmp_path / "clip")
    assert files(tmp_path / "clip") == ["session.json"]


def test_a_folder_that_cannot_be_written_says_so(renderer, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be saved"):
        export(renderer, "picture", STATE, PictureOptions(), tmp_path / "file" / "a.png")
    with pytest.raises(UserError, match="file"):
        export(renderer, "frames", STATE, FrameOptions(FEW), tmp_path / "file" / "clip")
    with pytest.raises(UserError):
        export(renderer, "frames", STATE, FrameOptions(FEW), tmp_path / "file")


def test_existing_files_are_refused(renderer, tmp_path):
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(ExistsError, match="exists"):
        export(renderer, "picture", STATE, PictureOptions(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "mine"
    (tmp_path / "b.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        export(renderer, "picture", STATE, PictureOptions(), tmp_path / "b.png", overwrite=True)


def test_recipes_tell_how_a_frame_was_made(renderer, tmp_path):
    path = export(renderer, "picture", STATE, PictureOptions(TRANSPARENT, 16), tmp_path / "a.png")
    with Image.open(path) as picture:
        recipe = json.loads(picture.info[embedding.PNG_KEY])["export"]
    assert recipe["kind"] == "picture"
    assert recipe["options"]["bits"] == 16
    assert recipe["options"]["look"]["background"] == "transparent"
    assert recipe["formats"]["superresolution"] in ("float32", "bfloat16")
    assert len(recipe["weights"]) == 16


def test_cancelling_a_picture_leaves_nothing(renderer, tmp_path):
    steps = EXPORTERS["picture"].run(renderer, STATE, PictureOptions(), tmp_path / "a.png")
    with torch.inference_mode(), contextlib.closing(steps):
        assert next(steps)[0] == "Rendering"
        next(steps)
    assert files(tmp_path) == []

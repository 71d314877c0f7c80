import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, files, frame, small_disk
from tests.viz.state.opened_sessions import open_session
from viz.exports import recipes
from viz.exports.frame_options import Look, Movement, VideoOptions
from viz.exports.schedule import take
from viz.exports.table import EXPORTERS
from viz.exports.video import encoders
from viz.exports.writing import ExistsError
from viz.state import session
from viz.state.errors import UserError
from viz.state.types import Keyframe, Latent, Orbit, SessionState

renderer = export_driver.renderer

STATE = SessionState(t=0.5, orbit=Orbit(yaw=15))
ORBIT = Movement("orbit", frames=6, frame_rate=30)
TRANSPARENT = Look(background="transparent")
ALL = {
    "h264.mp4": VideoOptions(ORBIT),
    "h264.mov": VideoOptions(ORBIT),
    "h265.mp4": VideoOptions(ORBIT, codec="h265"),
    "prores.mov": VideoOptions(ORBIT, codec="prores"),
    "alpha.mov": VideoOptions(ORBIT, TRANSPARENT),
    "shown.gif": VideoOptions(ORBIT),
    "alpha.gif": VideoOptions(ORBIT, TRANSPARENT),
    "shown.webp": VideoOptions(ORBIT),
    "alpha.webp": VideoOptions(ORBIT, TRANSPARENT),
}
"""One of each format, by file name."""


def frames(renderer, options: VideoOptions, bits: Any = 8) -> list[np.ndarray]:
    """What the options show."""
    made = take(STATE, options.movement)
    return [frame(renderer, made.at(k), options.look, bits) for k in range(made.count)]


def moving_picture(path: Path) -> list[np.ndarray]:
    """Frames of a GIF or WebP with their alpha, as Pillow shows them."""
    found = []
    with Image.open(path) as picture:
        for k in range(getattr(picture, "n_frames", 1)):
            picture.seek(k)
            found.append(np.asarray(picture.convert("RGBA")))
    return found


def test_a_gif_with_holes_in_some_frames_holds_the_others_whole(tmp_path):
    ramp = np.broadcast_to(np.arange(32)[:, None, None] * 6 + 20, (32, 32, 3))
    whole = np.dstack([ramp, np.full((32, 32), 255)]).astype(np.uint8)
    holed = whole.copy()
    holed[3, 3] = 0
    shown = [holed, whole, whole, holed, whole]
    encoder = encoders.GifEncoder(tmp_path / "a.gif", VideoOptions(), Fraction(10), whole.shape, "")
    for pixels in shown:
        encoder.add(pixels)
    list(encoder.finish())
    for found, pixels in zip(moving_picture(tmp_path / "a.gif"), shown, strict=True):
        assert np.array_equal(found[..., 3], pixels[..., 3])
        seen = pixels[..., 3] > 0
        assert np.abs(found[seen].astype(int) - pixels[seen]).mean() < 4


@pytest.mark.parametrize("name", ALL)
def test_videos_hold_their_frames_and_their_session(renderer, tmp_path, name):
    path, options = tmp_path / name, ALL[name]
    assert export(renderer, "video", STATE, options, path) == path
    assert files(tmp_path) == [name]
    assert open_session(path) == STATE
    shown = frames(renderer, options)
    found = moving_picture(path) if path.suffix in (".gif", ".webp") else decoded(path, "rgba")
    assert len(found) == len(shown)
    for a, b in zip(found, shown, strict=True):
        assert a.shape[:2] == b.shape[:2]
        seen = b[..., 3] > 128 if b.shape[2] == 4 else np.ones(b.shape[:2], bool)
        assert np.abs(a[seen][:, :3].astype(int) - b[seen][:, :3]).mean() < 4
        if b.shape[2] == 4:
            most = 255 if path.suffix == ".gif" else 4  # a GIF's pixels are there, or not
            assert np.abs(a[..., 3].astype(int) - b[..., 3]).max() <= most
            assert np.array_equal(a[..., 3] > 250, b[..., 3] >= 128) or path.suffix != ".gif"


@pytest.mark.parametrize(
    "name,codec,pixel_format",
    [
        ("h264.mp4", "h264", "yuv420p"),
        ("h264.mov", "h264", "yuv420p"),
        ("h265.mp4", "hevc", "yuv420p"),
        ("prores.mov", "prores", "yuv444p12le"),  # 10 bits; the decoder says 12
        ("alpha.mov", "prores", "yuva444p12le"),
    ],
)
def test_players_find_what_they_need(renderer, tmp_path, name, codec, pixel_format):
    path = export(renderer, "video", STATE, ALL[name], tmp_path / name)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == (codec, pixel_format)
        assert stream.frames == 6
        assert stream.average_rate == 30
        assert stream.duration
        assert stream.time_base
        assert stream.duration * stream.time_base == Fraction(6, 30)
        bt709, limited = 1, 1
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert tags == (bt709, bt709, bt709)
        assert context.color_range == limited
        assert codec != "hevc" or context.codec_tag == "hvc1"
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # plays before it is loaded


@pytest.mark.parametrize("codec", ["h264", "h265", "prores"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_videos_are_whole(renderer, tmp_path, codec, count):
    options = VideoOptions(Movement("still", frames=count), codec=codec)
    for k in range(5):  # an encoder that leaves something unset may be lucky
        path = export(renderer, "video", STATE, options, tmp_path / f"{k}.mov")
        with av.open(str(path)) as container:
            assert [frame.pts for frame in container.decode(video=0)] == [
                512 * k for k in range(count)
            ]


@pytest.mark.parametrize("codec", ["h264", "h265", "prores"])
@pytest.mark.parametrize(
    "color",
    [
        (255, 255, 255),
        (0, 0, 0),
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (128, 128, 128),
        (203, 151, 120),
    ],
)
def test_colours_come_back(tmp_path, codec, color):
    pixels = np.full((64, 64, 3), color, np.uint8)
    options = VideoOptions(codec=codec)
    path = tmp_path / "a.mov"
    encoder = encoders.make(path, path, options, pixels, 1, "{}")
    encoder.add(pixels)
    list(encoder.finish())
    (planes,) = decoded(path, "yuv444p")
    y, cb, cr = (float(plane.mean()) for plane in planes.astype(np.float64))
    luma, blue, red = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224  # ITU-R BT.709
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    assert np.abs(np.array([r, g, b]) * 255 - color).max() <= 2.0
    assert np.abs(decoded(path)[0][32, 32].astype(int) - color).max() <= 3


def test_odd_sides_are_padded_and_it_is_said(renderer, tmp_path):
    options = VideoOptions(Movement(frames=3), Look(("raw", "depth"), height=33))
    steps = EXPORTERS["video"].run(renderer, STATE, options, tmp_path / "a.mp4")
    with torch.inference_mode():
        told = [detail for detail, _ in steps]
    assert any("66 x 33 px, padded to 66 x 34" in detail for detail in told)
    (first, *_) = decoded(tmp_path / "a.mp4")
    assert first.shape == (34, 66, 3)
    assert np.abs(first[33].astype(int) - first[32]).mean() < 6
    even = VideoOptions(Movement(frames=2), Look(("raw",), height=33), codec="prores")
    export(renderer, "video", STATE, even, tmp_path / "a.mov")
    assert decoded(tmp_path / "a.mov")[0].shape == (33, 33, 3)


def test_webp_without_loss_has_the_very_pixels(renderer, tmp_path):
    options = VideoOptions(ORBIT, quality=100, plays=3)
    path = export(renderer, "video", STATE, options, tmp_path / "a.webp")
    for found, shown in zip(moving_picture(path), frames(renderer, options), strict=True):
        assert np.array_equal(found[..., :3], shown)
    with Image.open(path) as picture:
        assert picture.info["loop"] == 3
        lengths = []
        for k in range(6):
            picture.seek(k)
            picture.load()
            lengths.append(picture.info["duration"])
    assert sum(lengths) == 200  # six frames at 30 a second, in whole milliseconds
    assert set(lengths) == {33, 34}


@pytest.mark.parametrize("plays,loop", [(0, 0), (1, None), (3, 2)])
def test_a_gif_plays_as_often_as_asked(renderer, tmp_path, plays, loop):
    options = VideoOptions(Movement(frames=4), colors=16, plays=plays)
    path = export(renderer, "video", STATE, options, tmp_path / "a.gif")
    with Image.open(path) as picture:
        assert picture.info.get("loop") == loop
        assert getattr(picture, "n_frames", 1) == 4
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) <= 16


@pytest.mark.parametrize("suffix,most", [(".gif", 50), (".webp", 90)])
def test_players_keep_to_the_frame_rate(renderer, tmp_path, suffix, most):
    """They show what is shorter than two hundredths (GIF), or eleven thousandths, for a tenth."""
    fast = VideoOptions(replace(ORBIT, frame_rate=most + 1))
    with pytest.raises(UserError, match=f"choose a frame rate up to {most}"):
        export(renderer, "video", STATE, fast, tmp_path / f"a{suffix}")
    assert not any(renderer.stage_runs.values())
    for rate in (most, most - 0.3, most * 0.8, most * 0.6):
        options = VideoOptions(replace(ORBIT, frame_rate=rate, frames=12), Look(("raw",)))
        path = export(renderer, "video", STATE, options, tmp_path / f"{rate}{suffix}")
        with Image.open(path) as picture:
            lengths = []
            for k in range(12):
                picture.seek(k)
                picture.load()
                lengths.append(picture.info["duration"])
        assert min(lengths) >= (20 if suffix == ".gif" else 11)
        assert sum(lengths) == pytest.approx(12000 / rate, abs=11)


@pytest.mark.parametrize("name", ALL)
def test_cancelling_leaves_nothing(renderer, tmp_path, name):
    steps = EXPORTERS["video"].run(renderer, STATE, ALL[name], tmp_path / name)
    with torch.inference_mode():
        details = []
        while not details or "Frame 4" not in details[-1]:
            details.append(next(steps)[0])
        assert files(tmp_path) != []  # it is being written beside
        steps.close()
        assert files(tmp_path) == []
        steps = EXPORTERS["video"].run(renderer, STATE, ALL[name], tmp_path / name)
        while "Writing" not in next(steps)[0]:
            pass
        steps.close()
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ALL)
def test_a_full_disk_leaves_no_half_file(renderer, tmp_path, name):
    options = replace(ALL[name], crf=0)
    path = tmp_path / name
    path.write_bytes(b"mine")
    sentence = rf"{re.escape(name)} could not be saved in .*: file too large"
    with small_disk(3000), pytest.raises(UserError, match=sentence):
        export(renderer, "video", STATE, options, path, overwrite=True)
    assert files(tmp_path) == [name]
    assert path.read_bytes() == b"mine"


def test_a_missing_encoder_names_what_to_choose(renderer, tmp_path, monkeypatch):
    monkeypatch.setitem(encoders._ENCODERS, "h265", "libnothere")
    options = VideoOptions(ORBIT, codec="h265")
    with pytest.raises(UserError, match=r"no encoder for H\.265 .*choose among H\.264 \(\.mp4\)"):
        export(renderer, "video", STATE, options, tmp_path / "a.mp4")
    for codec in ("h264", "prores"):
        monkeypatch.setitem(encoders._ENCODERS, codec, "libnothere")
    with pytest.raises(UserError, match=r"choose among GIF \(\.gif\), WebP"):
        export(renderer, "video", STATE, options, tmp_path / "a.mp4")
    assert files(tmp_path) == []


def test_what_cannot_be_is_refused_before_any_work(renderer, tmp_path):
    with pytest.raises(UserError, match="keyframes"):
        export(renderer, "video", STATE, VideoOptions(Movement("path")), tmp_path / "a.mp4")
    with pytest.raises(UserError, match="ending chooses the format"):
        export(renderer, "video", STATE, VideoOptions(), tmp_path / "a.avi")
    (tmp_path / "a.mp4").write_text("mine")
    with pytest.raises(ExistsError, match="exists"):
        export(renderer, "video", STATE, VideoOptions(), tmp_path / "a.mp4")
    assert not any(renderer.stage_runs.values())
    assert files(tmp_path) == ["a.mp4"]


def test_a_webp_too_wide_says_so(tmp_path):
    path, first = tmp_path / "a.webp", np.zeros((2, 16_384, 3), np.uint8)
    with pytest.raises(UserError, match="16383 pixels a side"):
        encoders.make(path, path, VideoOptions(), first, 1, "")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.gif", "a.webp"])
def test_long_sessions_fit_into_every_format(renderer, tmp_path, name):
    keys = tuple(Keyframe(float(k), orbit=Orbit(yaw=k / 7)) for k in range(300))
    state = replace(STATE, keyframes=keys, checkpoint="<tête> & 'co'.ckpt")
    assert len(session.to_json(state)) > 100_000
    path = export(renderer, "video", state, VideoOptions(Movement(frames=2)), tmp_path / name)
    assert open_session(path) == state


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.gif", "a.webp", "a.png"])
def test_foreign_and_broken_files_say_so(renderer, tmp_path, name):
    path = tmp_path / name
    options = VideoOptions(Movement(frames=2))
    if name == "a.png":
        Image.new("RGB", (4, 4)).save(path)
    else:
        export(renderer, "video", STATE, options, path)
    data = path.read_bytes()
    if path.suffix in (".mp4", ".mov"):
        data = data.replace(b'{"format"', b'["format"')
    elif path.suffix == ".gif":
        data = data[: data.rindex(b"\x21\xfe")] + b"\x3b"
    else:
        data = data.replace(b"pv3d:session>", b"else:session>")
    path.write_bytes(data)
    with pytest.raises(UserError, match="without a session"):
        open_session(path)
    for broken in (b"", data[:9], data[:40], b"\0" * 100):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r"could not be read|without a session"):
            open_session(path)
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        open_session(path)


def test_recipes_tell_ws_apart_by_what_they_hold(renderer, tmp_path):
    path = tmp_path / "a.npy"
    state = replace(STATE, latent=Latent(ws_file=str(path)))
    recipe = recipes.Recipe.of(renderer, STATE, "video", VideoOptions())
    texts = []
    for k in (0, 0, 1):
        np.save(path, np.full((1, 16), k, np.float32))
        texts.append(recipe.text(state, tmp_path))
    assert recipes.same(texts[0], texts[1])
    assert not recipes.same(texts[0], texts[2])


def test_recipes_are_the_same_wherever_the_model_lies(renderer):
    recipe = recipes.Recipe.of(renderer, STATE, "video", VideoOptions())
    folder = Path("/here")
    here = recipe.text(replace(STATE, checkpoint="/here/models/model.ckpt"), folder)
    there = recipe.text(replace(STATE, checkpoint="model.ckpt"), folder)
    assert recipes.same(here, there)
    assert not recipes.same(here, recipe.text(replace(STATE, t=0.4), folder))
    crf = recipes.Recipe.of(renderer, STATE, "video", VideoOptions(crf=20)).text(STATE, folder)
    assert not recipes.same(here, crf)
    assert not recipes.same(here, session.to_json(STATE))
    assert not recipes.same(here, "[")

"""Shows as files that play without the program."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, frame
from tests.viz.state.opened_sessions import open_session
from training.checkpoint import save
from viz.exports import embedding
from viz.exports.captions.caption_pictures import MARGIN, picture
from viz.exports.shows.cue_takes import cue_take
from viz.exports.shows.show_options import ShowOptions
from viz.state import files, named_files
from viz.state.animation.animator import Animator
from viz.state.errors import UserError
from viz.state.interface import Interface
from viz.state.person import Latent
from viz.state.types import FRAME_RATE, Cue, Orbit, Playback, SessionState

renderer = export_driver.renderer

FIRST = SessionState(latent=Latent.at(1), orbit=Orbit(yaw=-15))
SECOND = SessionState(latent=Latent.at(2), orbit=Orbit(yaw=15))
CUES = (
    Cue.of(FIRST, title="</script>One", line="$line", transition="cut"),
    Cue.of(SECOND, transition="fade", seconds=0.2),
    Cue.of(SECOND, plays="clip", transition="glide", seconds=0.2),
)
STATE = replace(FIRST, cues=CUES)
OPTIONS = ShowOptions(height=64, seconds=0.4)


def slides(text):
    found = re.search(r"^const slides = (\[.*\]);$", text, re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def test_a_page_holds_what_each_cue_shows(renderer, tmp_path):
    path = tmp_path / "show.html"
    export(renderer, "show", STATE, OPTIONS, path)
    text = path.read_text("utf-8")
    one, two, three = slides(text)
    assert text.count("</script>") == text.count("<script")
    assert (one["title"], one["line"], one["fade"]) == ("</script>One", "$line", 0)
    for slide, state in ((one, FIRST), (two, SECOND)):
        kind, _, data = slide["src"].partition(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert np.array_equal(np.asarray(picture), frame(renderer, state))
    assert two["fade"] == pytest.approx(0.2)
    assert three["kind"] == "video"
    video = tmp_path / "cue.mp4"
    video.write_bytes(base64.b64decode(three["src"].partition(",")[2]))
    assert len(decoded(video)) == 16, "a whole round, at the speed of the show"
    assert three["repeats"]
    assert embedding.session_text(path) is not None
    assert open_session(path).latent == FIRST.latent


def test_a_video_goes_through_the_cues(renderer, tmp_path):
    path = tmp_path / "show.mp4"
    export(renderer, "show", STATE, OPTIONS, path)
    frames = decoded(path)
    stands, change, clip = 10, 5, 16
    assert len(frames) == 2 * stands + change + clip
    assert all(picture.shape == (64, 114, 3) for picture in frames)

    def unlike(a, b):
        return np.abs(frames[a].astype(int) - frames[b]).mean()

    assert unlike(0, stands - 1) < 2
    assert unlike(0, 2 * stands - 1) > 3
    assert 0 < unlike(stands, 0) < unlike(stands + 2, 0) < unlike(2 * stands - 1, 0)


def test_the_caption_is_the_audiences(renderer, tmp_path):
    """Same font, same lines and same place, also while a picture fades in."""
    words = "A title that is far too long for one line", "漢字 and more"
    cues = CUES[0], replace(CUES[1], title=words[0], line=words[1])
    path = tmp_path / "show.mp4"
    export(renderer, "show", replace(FIRST, cues=cues), replace(OPTIONS, height=360), path)
    frames = decoded(path)
    height, width = frames[0].shape[:2]
    caption = picture(*words, (width, height))
    margin = round(MARGIN * height)
    bottom, right = height - margin, margin + caption.shape[1]
    ink = (caption[..., :3] > 200).all(-1)
    assert ink.any() and right < width
    for seen in frames[11], frames[-1]:
        box = seen[bottom - caption.shape[0] : bottom, margin:right]
        assert box[ink].min() > 120 and np.median(box[ink]) > 230
        outside = box[caption[..., 0] == 0]
        assert np.median(outside) < 140, "on a dark ground"


def played(cue, interface, count):
    """The states that a show goes through while a cue stands."""
    animator, state = Animator(), cue.applied_to(STATE)
    found = [state.snapshot()]
    for k in range(count - 1):
        animator.advance(state, interface, 1 / FRAME_RATE, (k + 1) / FRAME_RATE)
        found.append(state.snapshot())
    return found


def test_what_moves_does_so_as_in_the_show():
    options = ShowOptions(seconds=1.0, orbit_period=3.0, orbit_yaw=40, wander_speed=2.0)
    interface = Interface(
        auto_orbit=True, orbit_period=3.0, orbit_yaw=40, orbit_pitch=8, animate_speed=2.0
    )
    orbit = replace(CUES[1], plays="orbit")
    found = cue_take(orbit, orbit.applied_to(STATE), options, loops=True)
    assert found.take.count == 75 and found.repeats
    for k, state in enumerate(played(orbit, interface, 160)):
        assert found.at(k).orbit == state.orbit
    interface.auto_orbit, interface.animate_person = False, True
    wander = replace(CUES[1], plays="wander")
    once = cue_take(wander, wander.applied_to(STATE), options, loops=False)
    seen = [once.at(k).latent for k in range(25)]
    way = [state.latent for state in played(wander, interface, 25)]
    assert [(a.x, a.y) for a in seen] == [pytest.approx((b.x, b.y)) for b in way]
    assert once.at(99) == once.at(24), "it stays behind its last frame"
    loop = cue_take(wander, wander.applied_to(STATE), options, loops=True)
    steps = [loop.at(k).latent for k in range(loop.take.count + 1)]
    assert steps[0] == steps[-1] == wander.latent
    far = [np.hypot(a.x - b.x, a.y - b.y) for a, b in pairwise(steps)]
    assert max(far) == pytest.approx(min(far)) == pytest.approx(2.0 / FRAME_RATE)


@pytest.mark.parametrize("mode", ["loop", "once", "ping-pong"])
def test_a_clip_goes_on_from_where_its_cue_stands(mode):
    cue = replace(CUES[2], t=6 / 15, playback=Playback(loop=mode))
    found = cue_take(cue, cue.applied_to(STATE), OPTIONS, loops=True)
    assert found.at(0).t == pytest.approx(6 / 15)
    assert found.at(1).t == pytest.approx(7 / 15)
    last = found.at(1000).t
    assert (last == 1.0) == (mode == "once") == (not found.repeats)


def test_cues_of_another_model_are_rendered_by_it(renderer, tmp_path, monkeypatch):
    other = tmp_path / "other.safetensors"
    G = renderer.G
    weights = G.get_parameter("to_img_raw.weight")
    before = weights.clone()
    weights.mul_(-1)
    save(other, G)
    weights.copy_(before)
    monkeypatch.setattr(named_files, "opened_before", lambda: [str(other)])
    cues = (CUES[0], replace(CUES[0], checkpoint=str(other)))
    path = tmp_path / "show.html"
    export(renderer, "show", replace(FIRST, cues=cues), OPTIONS, path)
    one, two = slides(path.read_text("utf-8"))
    assert one["src"] != two["src"]


def test_what_cannot_be_is_told(renderer, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "default_checkpoint", str)
    with pytest.raises(UserError, match="no cues"):
        export(renderer, "show", FIRST, OPTIONS, tmp_path / "a.html")
    with pytest.raises(UserError, match=r"end in \.html"):
        export(renderer, "show", STATE, OPTIONS, tmp_path / "a.gif")
    gone = replace(STATE, cues=(replace(CUES[0], checkpoint="/nowhere/gone.ckpt"),))
    with pytest.raises(UserError, match=r"gone\.ckpt"):
        export(renderer, "show", gone, OPTIONS, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())

"""Shows as files that play without the program."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.viz.exports import export_driver
from tests.viz.exports.export_driver import decoded, export, frame
from training.checkpoint import save
from viz.exports import embedding
from viz.exports.shows.show_options import ShowOptions
from viz.state import files, named_files
from viz.state.errors import UserError
from viz.state.person import Latent
from viz.state.types import Cue, Orbit, SessionState

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
    assert len(decoded(video)) == 10
    assert embedding.session_text(path) is not None
    assert embedding.open_session(path).latent == FIRST.latent


def test_a_video_goes_through_the_cues(renderer, tmp_path):
    path = tmp_path / "show.mp4"
    export(renderer, "show", STATE, OPTIONS, path)
    frames = decoded(path)
    stands, change = 10, 5
    assert len(frames) == 3 * stands + change
    assert all(picture.shape == (64, 114, 3) for picture in frames)

    def unlike(a, b):
        return np.abs(frames[a].astype(int) - frames[b]).mean()

    assert unlike(0, stands - 1) < 2
    assert unlike(0, 2 * stands - 1) > 3
    assert 0 < unlike(stands, 0) < unlike(stands + 2, 0) < unlike(2 * stands - 1, 0)


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

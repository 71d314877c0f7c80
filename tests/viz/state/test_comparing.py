"""Two models side by side, as far as no model is needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.viz.state.made_shifts import shift_along
from tests.viz.state.test_named_files import make, saved
from viz.exports import embedding, recipes
from viz.state import layouts, named_files, session
from viz.state.comparing.comparison import Comparison
from viz.state.comparing.differences import difference, matched
from viz.state.comparing.sharing import CodeSizes, fitted, not_shared, sizes_of
from viz.state.driving.drive import Drive, code_text
from viz.state.person import Latent, LatentShare, Motion, Shift
from viz.state.types import Cue, Display, ModelInfo, SessionState, View

WIDE, NARROW = CodeSizes(14, 512, 32), CodeSizes(12, 256, 16)


def picture(side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def info(**changes: object) -> ModelInfo:
    numbers = dict.fromkeys(
        ("parameters", "raw_resolution", "depth_samples", "importance_samples", "plane_resolution"),
        1,
    )
    known = ModelInfo(
        name="a.safetensors",
        path="/a.safetensors",
        format="PV3D",
        image_resolution=512,
        ray_range=(1.0, 2.0),
        box_warp=1.0,
        num_ws=14,
        z_dim=512,
        w_dim=512,
        motion_dim=32,
        superresolution="8X",
        device="cpu",
        weights="one",
        **numbers,
    )
    return replace(known, **changes)


def test_differences_are_those_of_numpy():
    a, b = picture(8, 0), picture(8, 1)
    change = b.astype(float) - a
    assert np.array_equal(difference(a, b, "absolute", 2.0), np.minimum(2 * abs(change), 255))
    assert np.array_equal(difference(a, b, "signed", 0.5), np.floor(128.5 + change / 2))
    assert not difference(a, a, "absolute", 1000.0).any()
    assert (difference(a, a, "signed", 1000.0) == 128).all()
    numbers = difference(a / np.float32(255), b / np.float32(255), "absolute", 1.0)
    assert np.allclose(numbers, abs(change) / 255, atol=1e-6)
    transparent = np.dstack([a, picture(8, 2)[..., :1]])
    assert (difference(transparent, transparent, "signed", 1.0)[..., 3] == 255).all()


def test_pictures_of_two_sizes_are_compared_at_the_smaller():
    large, small = picture(16, 0), picture(8, 1)
    mean = large.reshape(8, 2, 8, 2, 3).astype(float).mean(axis=(1, 3))
    first, second = matched(large, small)
    assert np.array_equal(first, np.floor(mean + 0.5))
    assert second is small
    assert difference(large, small, "absolute", 1.0).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("models", "view", "size"),
    [
        ("split", "image", (8, 8)),
        ("beside", "image", (8, 16)),
        ("difference", "image", (8, 8)),
        ("difference", "mesh", (8, 8)),
    ],
)
def test_a_layout_of_two_models_is_put_together(models, view: View, size):
    a, b = picture(8, 0), picture(8, 1)
    display = Display(layout="models", models=models, view=view, split=0.25)
    state = SessionState(compare=Comparison("/b", weights="two"), display=display)
    made = layouts.compose(state, [a, b])
    assert made.shape == (*size, 3)
    expected = {
        "split": np.concatenate([a[:, :2], b[:, 2:]], axis=1),
        "beside": np.concatenate([a, b], axis=1),
        "difference": difference(a, b, "absolute", 4.0),
    }
    assert np.array_equal(made, expected["split" if view == "mesh" else models])
    assert layouts.grid_shape(state) == (1, size[1] // 8)


def test_depths_are_compared_in_grey():
    display = Display(layout="models", view="depth", models="difference")
    assert layouts.full_request(SessionState(display=display)).maps.depth_colors == "grey"
    display = replace(display, models="beside")
    assert layouts.full_request(SessionState(display=display)).maps.depth_colors == "magma"


def test_the_second_model_shows_the_same_with_its_own_truncation():
    latent = Latent(3.0, psi=0.9, others=(LatentShare(Latent(4.0, psi=0.9), 0.5),))
    state = SessionState(latent=latent, t=0.5, compare=Comparison("/b", 0.4, weights="two"))
    state.display = Display(layout="models")
    first, second = layouts.shots(state)
    assert first == state.shot()
    assert (second.model, second.latent.psi, second.latent.others[0].latent.psi) == (
        "two",
        0.4,
        0.4,
    )
    again = replace(second, model="", latent=latent)
    assert again == first
    state.compare = Comparison("/b", weights="two")
    assert layouts.shots(state)[1].latent == latent
    for compare in (Comparison("/b", 0.4), None):  # it is not loaded, or there is none
        state.compare = compare
        assert layouts.shots(state) == (state.shot(),)
        assert layouts.grid_shape(state) == (1, 1)


def test_what_does_not_fit_another_model_is_left_out():
    wide, narrow = np.ones(512, np.float32), np.ones(16, np.float32)
    latent = Latent(7.0, ws_file="/a.npz", shifts=(shift_along("Smile", wide, 1.0),))
    motion = Motion(2.0, shifts=(shift_along("Blink", narrow, 1.0),))
    drive = Drive(code_text(np.ones(32)))
    state = SessionState(latent=latent, motion=motion, drive=drive)
    shot = replace(state.shot(), model="two")
    assert fitted(shot, WIDE, WIDE) == replace(shot, motion=Motion(2.0))
    other = fitted(shot, WIDE, NARROW)
    assert other == replace(shot, latent=Latent(7.0), driven=None)
    photo = replace(shot, latent=Latent(7.0, ws_file="/a.person", expression=1.0))
    assert fitted(photo, WIDE, WIDE).latent == Latent(7.0)
    blend = Latent(1.0, others=(LatentShare(latent, 0.5),))
    assert fitted(replace(shot, latent=blend), WIDE, NARROW).latent.others[0].latent == Latent(7.0)
    damaged = replace(shot, latent=Latent(shifts=(Shift("x", "no base64!"),)))
    assert fitted(damaged, WIDE, NARROW).latent == Latent()


def test_what_is_not_shared_is_one_sentence():
    state = SessionState()
    assert not_shared(state, info(), info(weights="two")) == ""
    assert sizes_of(info()) == WIDE
    other = info(
        weights="two",
        image_resolution=256,
        z_dim=256,
        num_ws=12,
        w_dim=256,
        motion_dim=0,
        conditioned=False,
    )
    state.latent = Latent(7.0, ws_file="/a.npz")
    words = not_shared(state, info(), other)
    assert words.startswith("Not shared: z (256 numbers instead of 512: the same seeds are drawn);")
    for part in (
        "saved ws (12 \u00d7 256 instead of 14 \u00d7 512): seed 7 is shown instead; ",
        "time and motion, as the second model makes still pictures; ",
        "the conditioning camera, which the second model does not use; ",
        "the resolution (256 px instead of 512 px: pictures are compared at 256 px).",
    ):
        assert part in words
    state.latent = Latent(7.0, ws_file="/a.person")
    assert "the person of a photo" in not_shared(state, info(), info(weights="two"))
    assert not_shared(state, info(), info()) == "", "the same file on both sides"
    state.drive = Drive(code_text(np.ones(32)))
    words = not_shared(state, info(), info(weights="two", motion_dim=16))
    assert "motion codes (16 numbers instead of 32" in words
    assert "the driver's motion" in words


def test_a_session_keeps_the_comparison():
    compare = Comparison("/runs/b.safetensors", 0.5, "two")
    display = Display(layout="models", models="difference", difference="signed", gain=16.0)
    state = SessionState(compare=compare, display=display, cues=(Cue(compare=compare),))
    again = session.from_json(session.to_json(state))
    assert again == state
    assert again.compare is not None
    assert again.compare.weights == "two"
    assert Comparison("/b", weights="two") == Comparison("/b"), "they follow from the file"


def test_a_stranger_s_second_model_is_opened_only_where_that_is_safe(tmp_path):
    far = make(tmp_path / "far" / "b.safetensors")
    state = SessionState(compare=Comparison(str(far), weights="x"))
    state.cues = (Cue(compare=state.compare),)
    path = saved(tmp_path / "here" / "session.json", state)

    def opened(*known: str) -> list[str]:
        return named_files.second_models(embedding.read_session(path, known).state)

    assert opened() == ["b.safetensors"], "a name that leads nowhere"
    assert opened(str(far)) == [str(far)]
    beside = make(tmp_path / "here" / "b.safetensors")
    assert opened() == [str(beside)]
    cue = embedding.read_session(path).state.cues[0]
    assert cue.compare is not None
    assert cue.compare.weights == "", "a cue's model is not loaded yet"
    remote = SessionState(compare=Comparison("//evil.example/share/b.safetensors"))
    path = saved(tmp_path / "here" / "remote.json", remote)
    beside.unlink()
    assert opened() == ["b.safetensors"]


def test_an_export_names_the_second_model_without_its_folders(tmp_path):
    path = tmp_path / "private" / "b.safetensors"
    state = SessionState(compare=Comparison(str(path), weights="x"))
    shown = named_files.portable(state, tmp_path / "out")
    assert named_files.second_models(shown) == ["b.safetensors"]
    assert str(Path("private")) not in session.to_json(shown)
    texts = [
        f'{{"state": {{"compare": {{"path": "{name}", "weights": "x"}}}}, "export": {{}}}}'
        for name in ("a", "b")
    ]
    assert recipes.same(*texts)

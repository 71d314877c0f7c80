"""A face in front of the camera, without the window: input, smoothing, driving and recording."""

from __future__ import annotations

import errno
import multiprocessing
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.viz.portrait.made_videos import write_sound, write_video
from training.checkpoint import load_generator, weights_mark
from viz.portrait.camera.camera_fit import CameraFit, project
from viz.portrait.camera.face_template import canonical_template
from viz.portrait.camera.own_pictures import OwnPictures
from viz.portrait.camera.self_calibration import kept_template
from viz.portrait.faces.face import LEFT_LIDS, RIGHT_LIDS, Face
from viz.portrait.live import camera_sources, watching
from viz.portrait.live.camera_input import CameraFrame, CameraInput
from viz.portrait.live.face_driver import FaceDriver, FaceMotion, Recording
from viz.portrait.live.face_tracker import FaceTracker
from viz.portrait.live.live_messages import (
    KINDS,
    CameraFailed,
    CameraTask,
    Pace,
    Record,
    SetDriving,
    TrackSaved,
)
from viz.portrait.live.one_euro import OneEuroFilter
from viz.portrait.live.watching import Beat
from viz.portrait.tracks.expressions import eye_opening, face_points, mouth_opening
from viz.portrait.tracks.motion_map import POINTS, MotionMap, kept_motion_map, solve
from viz.portrait.tracks.opening_controls import OpeningControls, kept_controls
from viz.render.latents import z_motion_from_seed
from viz.render.message_encoding import decode, encode
from viz.state.driving.motion_track import read_track, write_track
from viz.state.errors import UserError
from viz.state.files import CHECKPOINTS

TEMPLATE = canonical_template()
MOMENTS = ((30, 0.0), (30, 0.5), (30, 1.0), (28, 0.5), (28, 1.0), (419, 0.5), (419, 1.0))
"""Seeds of motions of the bundled model (it talks, blinks and says oh), and times in the clip."""


def lowered_lip(sizes: float = 0.0, lids: float = 0.0) -> Face:
    """The template from the front, with its lower lip, and its upper lids, so many sizes of the
    crop lower."""
    fit = CameraFit(0, 0, (128, 128), 200, 0)
    points = fit.square.to_picture(project(TEMPLATE.points, 0, 0))
    points[14, 1] += 200 * sizes
    points[[159, 386], 1] += 200 * lids
    borders = np.stack([points[list(RIGHT_LIDS)], points[list(LEFT_LIDS)]])
    irises = np.repeat(borders.mean(1, keepdims=True), 5, axis=1)
    marks = np.concatenate([points, np.zeros((468, 1))], axis=1).astype(np.float32)
    return Face(marks, irises.astype("f4"), borders.astype("f4"), 25.0, (256, 256))


def lip_map() -> MotionMap:
    """Takes the height of the lower lip alone to the third number of the code."""
    matrix = np.zeros((2 * POINTS, 4), np.float32)
    matrix[2 * 14 + 1, 2] = -100.0
    rest = np.array([0, 1, 0, 0], np.float32)
    return MotionMap(rest, matrix, np.eye(4, dtype=np.float32), np.ones(2, np.float32))


def controls() -> OpeningControls:
    """The first number of the code closes the eyes, the fourth opens the mouth."""
    directions = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], np.float32)
    curve = np.linspace(0, 0.6, 5, dtype=np.float32)
    return OpeningControls(directions, 1 - curve, curve)


def driver(strength: float = 1.0) -> FaceDriver:
    made = FaceDriver(TEMPLATE, lip_map(), controls())
    made.set(SetDriving(strength, 0.0))
    return made


def hold(made: FaceDriver, sizes: float, begin: float = 0.0) -> FaceMotion:
    """What a face asks for that was held for a second."""
    asked = [made.drive(lowered_lip(sizes), begin + k / 25) for k in range(25)]
    return asked[-1]


# Smoothing ------------------------------------------------------------------------------------


def test_the_filter_takes_trembling_and_follows_what_moves_fast():
    draws = np.random.default_rng(0)
    times = np.arange(200) / 25
    truth = np.where(times < 4, 0.0, 3.0)
    noisy = truth + draws.normal(0, 0.05, len(times))

    def run(beta: float) -> np.ndarray:
        smooth = OneEuroFilter(1.0, beta)
        pairs = zip(noisy, times, strict=True)
        return np.array([smooth(np.array([v]), t)[0] for v, t in pairs])

    still, quick = run(0.0), run(1.0)
    assert np.std(quick[20:95]) < 0.6 * np.std(noisy[20:95])
    jump = 100
    assert abs(quick[jump + 2] - 3) < 0.3 < abs(still[jump + 2] - 3)


def test_the_filter_keeps_its_value_where_time_stands_still():
    smooth = OneEuroFilter(1.0, 0.0)
    assert smooth(np.array([1.0, 2.0]), 5.0).tolist() == [1, 2]
    assert smooth(np.array([9.0, 9.0]), 5.0).tolist() == [1, 2]
    assert 1 < smooth(np.array([9.0, 2.0]), 5.1)[0] < 9
    smooth.forget()
    assert smooth(np.array([7.0, 7.0]), 5.2).tolist() == [7, 7]


def test_motions_are_ready_when_the_renderer_is():
    """Pictures take 100 ms to render, and 20 ms to look at."""
    beat = Beat()
    for k in range(40):
        assert beat.wait(k / 50) <= 0  # no pace yet
        beat.looked(k / 50, 0.02, moved=True)
    beat.follow(Pace(due=1.1, interval=0.1))
    assert beat.wait(1.0) == pytest.approx(0.08, abs=1e-3)
    beat.looked(1.1, 0.02, moved=False)  # the face holds still: one is still due
    assert beat.wait(1.11) < 0
    beat.looked(1.12, 0.02, moved=True)
    assert beat.wait(1.12) == pytest.approx(1.2 - 0.02 - 1.12, abs=1e-3)
    beat.follow(Pace(due=99.0, interval=9.0))  # the renderer hangs: the face is still followed
    assert beat.wait(1.2) < 0.2


# The camera -----------------------------------------------------------------------------------


def test_a_video_stands_in_for_a_webcam_over_and_over(tmp_path):
    frames = [np.full((64, 96, 3), 20 * k, np.uint8) for k in range(6)]
    camera = CameraInput(str(write_video(tmp_path / "a.mp4", frames, rate=25)))
    seen = []
    while len(seen) < 8:
        frame = camera.take(5.0)
        assert frame is not None
        seen.append(frame)
    camera.close()
    assert camera.name == "a.mp4" and seen[0].pixels.shape == (64, 96, 3)
    times = 25 * np.array([frame.time for frame in seen], np.float64)
    steps = times[1:] - times[:-1]
    assert (steps > 0.99).all()  # only what was missed meanwhile is left out
    assert np.abs(steps - steps.round()).max() < 0.01
    greys = [frame.pixels.mean() for frame in seen]
    assert max(greys) - min(greys) > 60 and min(np.diff(greys)) < -50  # it has begun again


def test_large_and_turned_videos_are_reduced(tmp_path):
    wide = [np.zeros((540, 960, 3), np.uint8)] * 2
    camera = CameraInput(str(write_video(tmp_path / "wide.mp4", wide, rate=25)))
    frame = camera.take(5.0)
    camera.close()
    assert frame is not None and frame.pixels.shape == (270, 480, 3)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "Webcam was not found"),
        (errno.EBUSY, "Webcam is used by another program"),
        (errno.EACCES, "Webcam may not be used: allow the camera"),
        (errno.EIO, "Webcam cannot be opened"),
    ],
)
def test_webcams_that_cannot_be_used_give_a_sentence(number, words):
    sentence = camera_sources.why("Webcam", OSError(number, "as the system says it"))
    assert sentence.startswith(words) and sentence.endswith(".")


def test_a_machine_without_webcams(monkeypatch):
    monkeypatch.setattr(av, "enumerate_input_devices", lambda _: [])
    assert camera_sources.webcams() == {}
    assert camera_sources.source_problem("").startswith("No webcam was found")
    assert "was not found" in camera_sources.source_problem("/dev/video77")
    with pytest.raises(UserError, match="No webcam was found"):
        CameraInput("")
    with pytest.raises(UserError, match="was not found"):
        CameraInput("/dev/video77")


@pytest.mark.parametrize(
    ("name", "words"), [("text.mp4", "not a readable video"), ("sound.wav", "contains no pictures")]
)
def test_videos_without_pictures_give_a_sentence(tmp_path, name, words):
    path = tmp_path / name
    if name == "sound.wav":
        write_sound(path)
    else:
        path.write_bytes(b"not a video\n" * 50)
    assert words in camera_sources.source_problem(str(path))
    with pytest.raises(UserError, match=words):
        CameraInput(str(path))


# Driving --------------------------------------------------------------------------------------


def test_expressions_count_from_the_face_at_rest():
    made = driver()
    assert np.allclose(hold(made, 0.05).code, [0, 1, 0, 0], atol=1e-3)  # the first that is seen
    made.calibrate()
    further = hold(made, 0.10, 2.0).code
    assert further[2] > 0.3 and further[3] > 0.3 and np.allclose(further[:2], [0, 1], atol=1e-3)
    made.calibrate()
    assert np.allclose(hold(made, 0.10, 4.0).code, [0, 1, 0, 0], atol=0.05)
    closed = hold(made, 0.05, 6.0).code
    assert np.allclose(closed, [0, 1, -further[2], 0], atol=0.05)


def test_the_face_at_rest_is_found_by_itself():
    """Somebody begins with an open mouth and a blink; after two seconds of calm that counts as an
    expression."""
    made = driver()
    made.drive(lowered_lip(0.08, 0.02), 0.0)
    hold(made, 0.0, 0.1)
    hold(made, 0.0, 1.1)
    assert np.allclose(hold(made, 0.0, 2.1).code, [0, 1, 0, 0], atol=0.1)
    assert hold(made, 0.08, 3.1).code[3] > 0.3


def test_a_blink_comes_through_at_once():
    """Lids close within a tenth of a second and open again."""
    made = driver()
    made.set(SetDriving(1.0, 0.5))
    hold(made, 0.0)
    closing = [made.drive(lowered_lip(0.0, 0.013 * k), 1 + k / 25).code[0] for k in (0, 1, 2, 2)]
    opening = [made.drive(lowered_lip(), 1.2 + k / 25).code[0] for k in range(3)]
    assert closing[0] < 0.05 and closing[-1] > 0.7 and opening[-1] < 0.25


def test_strength_is_measured_from_the_rest():
    codes = []
    for strength in (0.0, 1.0, 2.0):
        made = driver(strength)
        hold(made, 0.0)
        codes.append(hold(made, 0.05, 2.0).code)
    assert codes[0].tolist() == [0, 1, 0, 0]
    assert np.allclose(codes[2] - codes[0], 2 * (codes[1] - codes[0]), atol=0.05)


def test_what_was_played_becomes_a_track(tmp_path):
    made, recording = driver(), Recording()
    for k in range(30):
        lip = 0.05 * np.sin(k / 5) ** 2
        time = k / 15 + (1.0 if k > 20 else 0.0)  # with a second without a face
        recording.add(made.drive(lowered_lip(lip), time))
    path = tmp_path / "live.track"
    write_track(path, recording.track(made, (256, 256), "Webcam", "0" * 16))
    track = read_track(path)
    assert track.fps == 25 and len(track) == pytest.approx(25 * (29 / 15 + 1), abs=1)
    assert 20 <= (~track.found).sum() <= 30
    assert track.codes[:, 3].max() > 0.3 and np.array_equal(track.rest, made.rest)
    assert np.allclose(track.amounts[:, 1], track.codes[:, 3], atol=0.03)  # for its gain
    assert track.crops[0] == pytest.approx([128, 128, 200, 0], abs=0.5)
    with pytest.raises(UserError, match="Nothing was recorded"):
        Recording().track(made, (256, 256), "Webcam", "0" * 16)


@pytest.mark.parametrize("unplugged", [True, False])
def test_a_camera_that_fails_loses_no_recording(tmp_path, monkeypatch, unplugged):
    """It ends in the middle, by a sentence or by an error that nobody foresaw."""
    G = load_generator(CHECKPOINTS / "demo.safetensors")
    pictures = OwnPictures(G, seed=5)
    code = torch.from_numpy(z_motion_from_seed(30, G.config.motion_dim))[None]
    with torch.inference_mode():
        seen = (pictures.picture(pictures.person(), code, 0, 0) * 255).byte().permute(1, 2, 0)

    class Failing:
        name = "Webcam"
        taken = 0

        def __init__(self, *_: object) -> None: ...

        def close(self) -> None: ...

        def take(self, _: float) -> CameraFrame:
            self.taken += 1
            if self.taken > 4:
                raise UserError("Webcam no longer sends pictures.") if unplugged else ValueError
            return CameraFrame(seen.numpy(), self.taken / 25)

    monkeypatch.setattr(watching, "CameraInput", Failing)
    (tmp_path / "live.track").write_bytes(b"an older one")
    window, other = multiprocessing.Pipe()
    window.send_bytes(encode(Record(str(tmp_path / "live.track"))))
    task = CameraTask("", True, weights_mark(G.state_dict()))
    thread = threading.Thread(target=watching.watch, args=(other, task))
    thread.start()
    told = []
    while not (told and isinstance(told[-1], CameraFailed)) and window.poll(60):
        told.append(decode(window.recv_bytes(), KINDS))
    thread.join(10)
    saved, failed = told[-2:]
    assert isinstance(saved, TrackSaved) and isinstance(failed, CameraFailed) and failed.over
    track = read_track(tmp_path / "live_2.track")
    assert Path(saved.path).name == "live_2.track" and len(track) == saved.frames == 3
    assert track.source == "Webcam"


# What a model teaches -------------------------------------------------------------------------


def test_a_map_holds_for_people_it_has_not_learnt_from():
    draws = np.random.default_rng(1)
    jacobian = draws.normal(0, 0.01, (6, 2 * POINTS))
    people = np.repeat(np.arange(30), 8)
    codes = draws.standard_normal((240, 6))
    own = draws.normal(0, 0.05, (30, 1))  # everybody moves a little differently
    moved = codes @ jacobian * (1 + own[people]) + draws.normal(0, 0.004, (240, 2 * POINTS))
    found = solve(moved, codes, people, np.eye(6, 12))
    assert (found.openings > 0.9).all()
    still = np.zeros((POINTS, 3))
    assert np.allclose(found.codes(still, still), 0, atol=0.1)
    wanted = draws.standard_normal((20, 6))
    points = np.zeros((20, POINTS, 3))
    points[..., :2] = (wanted @ jacobian).reshape(20, POINTS, 2)
    assert np.corrcoef(found.codes(points, still)[:, :6].ravel(), wanted.ravel())[0, 1] > 0.95


def test_the_bundled_model_drives_another_person_as_a_face_does():
    """Mouth and eyes of a person follow those of another one, whom the tracker sees; what the model
    has taught comes with the program."""
    G = load_generator(CHECKPOINTS / "demo.safetensors")
    mark = weights_mark(G.state_dict())
    template, known = kept_template(mark), kept_motion_map(mark)
    controls = kept_controls(mark, G.config.motion_dim)
    assert template and known and controls, "see checkpoints/README.md: learn it again"
    assert (known.openings > 0.9).all()
    pictures, tracker = OwnPictures(G, seed=77), FaceTracker()
    actor, other = pictures.person(), pictures.person()
    made = FaceDriver(template, known, controls)
    made.set(SetDriving(1.0, 0.0))
    seen, shown = [], []
    with torch.inference_mode():
        for k, (seed, t) in enumerate(MOMENTS):
            code = z_motion_from_seed(seed, G.config.motion_dim)[None] * np.float32(t)
            picture = pictures.picture(actor, torch.from_numpy(code), 4.0, 2.0)
            face = tracker.look((picture * 255).byte().permute(1, 2, 0).numpy())
            assert face is not None
            driven = made.drive(face, 10.0 * k)
            played = pictures.picture(other, torch.from_numpy(driven.code)[None], 0.0, 0.0)
            answer = FaceTracker().look((played * 255).byte().permute(1, 2, 0).numpy())
            assert answer is not None
            for faces, one in ((seen, face), (shown, answer)):
                points = face_points(one)
                faces.append((mouth_opening(points), eye_opening(points)))
    for a, b in zip(np.array(seen).T, np.array(shown).T, strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.8

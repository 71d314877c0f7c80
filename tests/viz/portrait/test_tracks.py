"""Motion tracks, of a film that the astronaut's photo makes: she moves and grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from tests.viz.portrait.made_videos import write_sound, write_video
from training.checkpoint import load_generator
from viz import program
from viz.portrait.camera.camera_fit import CameraFit
from viz.portrait.camera.cropping import crop
from viz.portrait.camera.face_template import canonical_template
from viz.portrait.faces.matting import matte
from viz.portrait.faces.squares import Square
from viz.portrait.faces.warping import cut
from viz.portrait.tracks import kept_trail
from viz.portrait.tracks.expressions import eye_opening, mouth_opening
from viz.portrait.tracks.film import open_film
from viz.portrait.tracks.following import FollowedFace, Trail, follow, smoothed
from viz.portrait.tracks.motion_map import MotionMap
from viz.portrait.tracks.opening_controls import OpeningControls
from viz.portrait.tracks.pasting import Backdrop, Colors, into_frame
from viz.portrait.tracks.track_options import TrackOptions
from viz.portrait.tracks.tracking import make_track, track_of
from viz.state.driving.motion_track import MotionTrack, read_track, write_track
from viz.state.errors import UserError
from viz.state.files import CHECKPOINTS
from viz.state.jobs import Steps, finish

FRAMES = 8
TEMPLATE = canonical_template()


def shown(k: int) -> Square:
    """The part of the photo that frame k shows."""
    return Square((225.0 + 3 * k, 120.0), 260.0 - 6 * k, 2.0 * k)


def pictures(hidden: tuple[int, ...] = ()) -> list[np.ndarray]:
    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    frames = [cut(photo, shown(k), 192, "edge") for k in range(FRAMES)]
    for k in hidden:
        frames[k] = torch.zeros_like(frames[k])
    return [(f.permute(1, 2, 0) * 255).round().byte().numpy() for f in frames]


def followed(path: Path) -> FollowedFace:
    with open_film(path) as film:
        return finish(follow(film, TEMPLATE))


def test_a_face_is_followed_through_a_video(tmp_path):
    """Its crop moves, shrinks and turns against the frame as the frame does against the photo."""
    found = followed(write_video(tmp_path / "a.mp4", pictures()))
    assert found.found.all() and found.size == (192, 192)
    first, last = found.fits[0], found.fits[-1]
    assert last.side / first.side == pytest.approx(260 / (260 - 6 * 7), rel=0.03)
    assert last.angle - first.angle == pytest.approx(-14, abs=1)
    assert last.yaw == pytest.approx(first.yaw, abs=2)


def test_a_folder_of_frames_is_a_film(tmp_path):
    for k, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / f"frame{k + 5}.png")  # frame10 after frame9
    with open_film(tmp_path, first=1, count=5) as film:
        frames = list(film.frames())
    assert film.count == len(frames) == 5
    assert np.abs(frames[4].permute(1, 2, 0).numpy() * 255 - pictures()[5]).max() < 1


def test_frames_without_the_face_are_filled_in(tmp_path):
    found = followed(write_video(tmp_path / "a.mp4", pictures(hidden=(0, 3))))
    assert found.found.tolist() == [False, True, True, False, True, True, True, True]
    sides = [fit.side for fit in found.fits]
    assert sides[0] == pytest.approx(sides[1]) and sides[2] < sides[3] < sides[4]
    assert np.isfinite(found.points).all()


def test_smoothing_takes_trembling_and_keeps_turns():
    draws = np.random.default_rng(0)
    fits = [
        CameraFit(20 * np.sin(k / 15) + draws.normal(0, 0.5), 0, (50, 50), 80, 179 + 0.1 * k)
        for k in range(60)
    ]
    smooth = smoothed(fits, 2.0)
    wanted = np.array([20 * np.sin(k / 15) for k in range(60)])
    before, after = (np.array([f.yaw for f in g]) - wanted for g in (fits, smooth))
    assert np.abs(after[5:-5]).mean() < 0.75 * np.abs(before).mean()
    assert all(abs(abs(fit.angle) - 180) < 6 for fit in smooth)  # none between 180 and -180


def talking(frames: int) -> FollowedFace:
    """The template in front of the camera, whose lower lip moves down and up."""
    from viz.portrait.camera.camera_fit import project

    fit = CameraFit(0, 0, (128, 128), 200, 0)
    points = np.concatenate([TEMPLATE.points, np.repeat(TEMPLATE.points[[159, 386]], 5, axis=0)])
    seen = fit.square.to_picture(project(points, 0, 0))
    moving = np.repeat(seen[None], frames, axis=0)
    moving[:, 14, 1] += 6 * np.sin(np.linspace(0, 2 * np.pi, frames)) ** 2
    return FollowedFace(moving, (fit,) * frames, np.ones(frames, bool), (256, 256))


def track(frames: int = 25) -> MotionTrack:
    """Of a map that takes the height of the lower lip alone to the code's third number."""
    matrix = np.zeros((2 * 478, 4), np.float32)
    matrix[2 * 14 + 1, 2] = -100.0
    rest, openings = np.array([0, 1, 0, 0], np.float32), np.ones(2, np.float32)
    known = MotionMap(rest, matrix, np.eye(4, dtype=np.float32), openings)
    directions = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], np.float32)
    curve = np.linspace(0, 0.5, 5, dtype=np.float32)
    controls = OpeningControls(directions, 1 - curve, curve)
    options = replace(TrackOptions(), motion_smoothing=0.0)
    named = {"fps": 24.0, "source": "a.mp4", "weights": "0" * 16}
    return track_of(talking(frames), TEMPLATE, known, controls, options, **named)


def test_codes_follow_the_mouth_from_the_driver_s_own_rest():
    made = track()
    opening = mouth_opening(talking(25).points)
    code = made.codes[:, 2]
    assert np.corrcoef(opening, code)[0, 1] > 0.999 and code.max() > 0.3
    calm = code[opening <= np.quantile(opening, 0.3)]
    assert np.abs(calm).max() < 0.2 * code.max()
    assert np.allclose(made.codes[:, 1], 1)  # the code at rest
    mouth = made.codes[:, 3]
    assert np.corrcoef(opening, mouth)[0, 1] > 0.99
    assert eye_opening(talking(3).points).min() > 0


def test_a_blink_closes_the_eyes_and_openings_keep_their_order():
    curve = np.array([0, 0.1, 0.1001, 0.3, 0.4], np.float32)
    controls = OpeningControls(np.eye(2, dtype=np.float32), 1 - curve, curve)
    eyes = np.array([1.1, 1.0, 0.9, 0.5, 0.3])
    mouth = np.array([-0.1, 0.0, 0.2, 0.4, 0.8])
    closing, opening = controls.amounts(eyes, mouth).T
    assert closing[0] == closing[1] == 0 and closing[-1] > 0.97
    assert opening[0] == opening[1] == 0 and opening[-1] > 0.97
    assert (np.diff(closing[1:]) > 0).all() and (np.diff(opening[1:]) > 0).all()
    calm = controls.amounts(np.array([1.0, 0.97, 1.0]), np.array([0.0, 0.1, 0.0]))
    assert calm.max() < 0.3  # no blink, and a mouth that hardly opens, stay small


def test_following_goes_on_where_it_was_stopped(tmp_path):
    path, about = write_video(tmp_path / "a.mp4", pictures(hidden=(1,))), {"video": "a"}
    whole = followed(path)
    with open_film(path) as film:
        trail = Trail()
        steps = follow(film, TEMPLATE, trail=trail)
        while len(trail.faces) < 4:
            next(steps)
        steps.close()
        kept_trail.keep(tmp_path / "a.unfinished", trail, about)
        assert kept_trail.kept(tmp_path / "a.unfinished", {"video": "b"}) is None
        again = kept_trail.kept(tmp_path / "a.unfinished", about)
        assert again is not None and len(again.faces) == 4 and again.faces[1] is None
        found = finish(follow(film, TEMPLATE, trail=again))
    assert np.array_equal(found.points, whole.points) and found.fits == whole.fits
    (tmp_path / "a.unfinished").write_bytes(b"damaged")
    assert kept_trail.kept(tmp_path / "a.unfinished", about) is None


def test_a_head_put_back_takes_the_films_colours_and_leaves_no_seam():
    """Her own face in other colours, put back, looks as before; around her nothing moves."""
    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    fit = CameraFit(0.0, 0.0, (225.0, 125.0), 240.0, 3.0)
    there = crop(photo, fit, 256).picture
    tinted = there * torch.tensor([0.7, 0.9, 0.8])[:, None, None] + 0.1
    made = into_frame(photo, tinted, fit, Colors.between([(tinted, there)]))
    inside = torch.zeros(photo.shape[1:], dtype=torch.bool)
    inside[90:160, 195:255] = True  # cheeks, eyes and nose
    apart = (made - photo).abs()
    assert apart[:, inside].mean() < 0.02 and (tinted - there).abs().mean() > 0.05
    assert apart[:, 300:].max() == 0 and apart[:, :, 380:].max() == 0
    around = apart.mean(0)[10:240, 110:340]
    assert around.mean() < 0.02 and around.quantile(0.9) < 0.05  # sharp edges at hair and neck


def test_other_frames_show_what_the_head_has_hidden():
    """A head moves before stripes, and a smaller one takes its place: the stripes go on."""
    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    fit = CameraFit(0.0, 0.0, (225.0, 125.0), 240.0, 0.0)
    head = crop(photo, fit, 256).picture
    person = matte(head)
    place = torch.arange(256)
    stripes = (((torch.arange(512) + place[:, None]) // 12) % 2).expand(3, 256, 512) * 0.5 + 0.2
    frames, fits = [], []
    for left in (0, 80, 160, 240):
        frame = stripes.clone()
        part = frame[:, :, left : left + 256]
        frame[:, :, left : left + 256] = torch.lerp(part, head, person)
        frames.append(frame)
        fits.append(CameraFit(0.0, 0.0, (left + 128.0, 128.0), 256.0, 0.0))
    behind = Backdrop(frames[0])
    for frame, there in zip(frames, fits, strict=True):
        behind.add(frame, there)
    on_white = torch.lerp(torch.ones_like(head), head, person)
    small = torch.ones_like(head)
    small[:, 38:218, 38:218] = torch.nn.functional.interpolate(
        on_white[None], (180, 180), mode="bilinear", antialias=True
    )[0]
    colors = Colors.between([(head, head)])
    bare = torch.zeros(256, 512, dtype=torch.bool)
    bare[15:140, 160 + 20 : 160 + 236] = ((person > 0.9) & (matte(small) < 0.01))[15:140, 20:236]
    assert bare.sum() > 2000
    errors = []
    for backdrop in (None, behind.picture()):
        made = into_frame(frames[2], small, fits[2], colors, backdrop)
        errors.append(float((made - stripes).abs().mean(0)[bare].mean()))
    assert errors[1] < 0.4 * errors[0]


def test_tracks_are_kept(tmp_path):
    made = track()
    write_track(tmp_path / "a.track", made)
    again = read_track(tmp_path / "a.track")
    assert np.array_equal(again.codes, made.codes) and np.array_equal(again.points, made.points)
    assert (again.fps, again.size, again.source) == (24.0, (256, 256), "a.mp4")
    assert again.crops[3, 2] == pytest.approx(200) and len(again) == 25
    assert np.array_equal(again.rest, [0, 1, 0, 0]) and again.first == 0


def test_files_that_are_no_tracks_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    for content in (b"", b"no track", (Path(program.__file__)).read_bytes()):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a motion track"):
            read_track(path)
    broken = replace(track(), cameras=np.full((25, 2), np.nan, np.float32))
    write_track(path, broken)
    with pytest.raises(UserError, match="damaged"):
        read_track(path)
    write_track(path, track())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        read_track(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.mp4", "is empty"),
        ("text.mp4", "cannot be read as a video"),
        ("sound.wav", "no video frames"),
    ],
)
def test_videos_that_cannot_be_used_give_a_sentence(tmp_path, name, words):
    path = tmp_path / name
    if name == "sound.wav":
        write_sound(path)
    else:
        path.write_bytes(b"" if name == "empty.mp4" else b"not a video\n" * 50)
    with pytest.raises(UserError, match=words) as caught, open_film(path):
        pass
    assert str(caught.value).startswith(name)


def test_a_video_without_a_face(tmp_path):
    still = [np.full((96, 96, 3), 90, np.uint8)] * 3
    with pytest.raises(UserError, match="No face was found in a"):
        followed(write_video(tmp_path / "a.mp4", still))


def test_what_has_no_face_leaves_nothing_unfinished(tmp_path):
    G = load_generator(CHECKPOINTS / "demo.safetensors")
    video = write_video(tmp_path / "a.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 4)

    def steps() -> Steps[Path]:
        return make_track(G, video, TrackOptions(), tmp_path / "a.track")

    stopped = steps()
    while "frame 3" not in next(stopped)[0]:
        pass
    stopped.close()
    assert (tmp_path / "a.track.unfinished").exists()
    with pytest.raises(UserError, match="No face was found"):
        finish(steps())
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_command_names_what_is_missing(tmp_path, capsys):
    assert program.main(["track", str(tmp_path / "missing.mp4")]) == 1
    assert "no file" in capsys.readouterr().err.lower()

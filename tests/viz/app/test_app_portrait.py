"""From a photo to a person in the window, as a user does it."""

from __future__ import annotations

from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from gui_utils import controls
from tests.viz.app import app_driver
from tests.viz.app.app_driver import AppDriver, Start
from tests.viz.portrait.made_videos import write_sound
from viz import program
from viz.portrait.camera import self_calibration
from viz.portrait.inversion.inversion_options import InversionOptions
from viz.portrait.inversion.inverting import Inversion
from viz.render import person_file
from viz.render.worker_host import in_process
from viz.state import session
from viz.state.person import Latent, unfinished
from viz.worker_process import run

display, model, start = app_driver.display, app_driver.model, app_driver.start

FEW = InversionOptions(candidates=2, code_steps=3, tuning_steps=2)
SOME = InversionOptions(candidates=2, code_steps=40, tuning=False)
MANY = InversionOptions(candidates=2, code_steps=400, tuning=False)


@pytest.fixture
def desk(start: Start, model: Path, monkeypatch: pytest.MonkeyPatch) -> AppDriver:
    monkeypatch.setattr(self_calibration, "_PEOPLE", 2)
    made = start(model, size=(1100, 700), panels=("Portrait",))
    made.settle()
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """One face."""
    path = tmp_path / "ada.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def looked(desk: AppDriver, photo: Path) -> None:
    desk.drop(photo)
    desk.until(lambda: desk.commands.portrait.found is not None, 40)
    desk.run_jobs(40)


def begun(desk: AppDriver, options: InversionOptions) -> None:
    desk.commands.portrait.options = options
    desk.frames(3)
    desk.click("Portrait/Start")
    desk.until(lambda: desk.commands.portrait.making)


def test_a_photo_becomes_the_person_shown(desk, photo, model, tmp_path):
    looked(desk, photo)
    portrait = desk.commands.portrait
    assert portrait.face is not None
    box = controls.rects["Photo/Box"]
    place = controls.rects["Photo"]
    shown = [place[k % 2] + portrait.face.box[k] * (place[2] - place[0]) / 512 for k in range(4)]
    assert np.allclose(box, shown, atol=1.5)
    begun(desk, FEW)
    desk.until(lambda: "Found so far" in controls.rects, 60)
    desk.until(lambda: not portrait.making, 120)
    path = tmp_path / "pictures" / "ada.person"
    desk.see_toast("ada is ready")
    state = desk.commands.state
    assert state.latent == Latent(ws_file=str(path), expression=1.0)
    about = person_file.read(str(path))
    assert about.tuned
    assert about.model == model.name
    assert (state.orbit.yaw, state.orbit.pitch) == (about.yaw, about.pitch)
    picture = desk.picture()
    assert "Found so far" not in controls.rects
    photo_place, tile = controls.rects["Photo"], controls.rects["Tile 0"]
    assert photo_place[2] - photo_place[0] == tile[2] - tile[0]
    session.save_session(tmp_path / "pictures" / "session.json", state)
    common = ["--checkpoint", str(model), "--session", str(tmp_path / "pictures" / "session.json")]
    assert program.main(["render", *common, "--output", str(tmp_path / "a.png")]) == 0
    assert np.array_equal(np.array(Image.open(tmp_path / "a.png").convert("RGB")), picture)
    desk.click("Portrait/Photo/button")
    desk.until(lambda: not desk.commands.portrait.shown)
    desk.frames(2)
    assert "Photo" not in controls.rects


def test_a_stopped_person_is_kept_and_goes_on(desk, photo, tmp_path):
    looked(desk, photo)
    begun(desk, MANY)
    portrait = desk.commands.portrait
    desk.until(lambda: "Found so far" in controls.rects, 60)
    desk.click("Portrait/Beside the picture")  # to go on working
    desk.frames(2)
    assert "Found so far" not in controls.rects and "Tile 0" in controls.rects
    desk.until(lambda: "Searching" in (desk.commands.job.detail if desk.commands.job else ""), 60)
    desk.commands.cancel_job()
    desk.see_toast("Making ada: stopped. Start it again: it continues where it stopped.", 60)
    desk.until(lambda: not portrait.making, 60)
    path = tmp_path / "pictures" / "ada.person"
    assert desk.commands.state.latent.ws_file == str(path)
    desk.settle()
    assert desk.commands.person_target == path
    desk.until(lambda: "Portrait/Go on" in controls.rects)
    desk.click("Portrait/Go on")
    desk.until(lambda: portrait.live is not None, 60)
    assert desk.commands.job is not None
    assert "random people" not in desk.commands.job.detail
    desk.commands.cancel_job()
    desk.until(lambda: not portrait.making, 60)


def test_what_the_command_left_unfinished_goes_on(desk, photo, model, tmp_path, monkeypatch):
    path = tmp_path / "pictures" / "ada.person"
    words = [str(photo), "--checkpoint", str(model), "--output", str(path.parent)]
    words += ["--candidates", "2", "--code-steps", "3", "--tuning-steps", "2"]
    run = Inversion.run

    def interrupted(self: Inversion):
        for progress in run(self):
            if progress.stage == "fitting":
                raise KeyboardInterrupt
            yield progress

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Inversion, "run", interrupted)
        program.main(["invert", *words])
    looked(desk, photo)
    desk.commands.portrait.options = FEW
    desk.frames(3)
    details: set[str] = set()
    desk.click("Portrait/Go on")
    desk.until(lambda: desk.commands.portrait.making)

    def made() -> bool:
        details.update({desk.commands.job.detail} if desk.commands.job else ())
        return not desk.commands.portrait.making

    desk.until(made, 120)
    assert not any("random people" in detail or "Searching" in detail for detail in details)
    assert person_file.read(str(path)).tuned
    assert not unfinished(path).exists()
    desk.see_toast("ada is ready")


def test_a_person_goes_on_after_the_renderer_was_killed(start, model, photo, tmp_path):
    desk = start(model, size=(1100, 700), panels=("Portrait",), launch=in_process(run))
    desk.settle()
    looked(desk, photo)
    commands, portrait = desk.commands, desk.commands.portrait
    commands.portrait.name = "whole"
    begun(desk, SOME)
    desk.until(lambda: not portrait.making, 120)
    commands.portrait.name = "parts"
    begun(desk, SOME)
    searching = lambda: commands.job is not None and "Searching" in commands.job.detail  # noqa: E731
    desk.until(searching, 60)
    commands.cancel_job()  # so that there is a state, for which else a minute has to pass
    desk.until(lambda: not portrait.making, 60)
    desk.settle()
    desk.click("Portrait/Go on")
    desk.until(lambda: portrait.making and searching(), 60)
    process = commands.worker.host
    assert isinstance(process, BaseProcess)
    process.kill()
    notice = desk.see_toast("Making parts stopped", 30)
    assert "it continues where it stopped" in notice.sentence
    desk.until(lambda: not portrait.making and commands.worker.host is not process, 30)
    desk.settle()
    desk.click("Portrait/Go on")
    desk.until(lambda: portrait.making)
    desk.until(lambda: not portrait.making, 120)
    whole, parts = (
        person_file.read(str(tmp_path / "pictures" / f"{name}.person"))
        for name in ("whole", "parts")
    )
    assert np.array_equal(whole.ws, parts.ws)
    assert np.array_equal(whole.motion, parts.motion)
    assert not list((tmp_path / "pictures").glob("*.unfinished"))


def test_one_of_two_faces_is_chosen_in_the_photo(desk, tmp_path):
    path = tmp_path / "two.png"
    Image.fromarray(np.concatenate([data.astronaut()] * 2, axis=1)).save(path)
    looked(desk, path)
    portrait = desk.commands.portrait
    assert len(portrait.faces) == 2
    other = 1 - portrait.chosen
    desk.click(f"Photo/Face {other + 1}")
    desk.until(lambda: portrait.chosen == other)


def test_a_face_is_corrected_by_hand(desk, photo):
    looked(desk, photo)
    portrait = desk.commands.portrait
    first = portrait.face
    assert first is not None
    desk.drag("Photo/Eye at the left", (0, -4))
    desk.run_jobs(40)
    second = portrait.face
    assert second is not None
    assert second.eyes[0][1] < first.eyes[0][1] - 2
    assert second.eyes[1] == first.eyes[1]
    assert second.landmarks != first.landmarks
    desk.drag("Photo/Lower right", (12, 10))
    desk.run_jobs(40)
    third = portrait.face
    assert third is not None
    assert third.box[2] > second.box[2] + 5
    assert third.box[:2] == second.box[:2]
    assert not portrait.corrected


def test_photos_that_cannot_be_used_say_why(desk, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    desk.drop(broken)
    desk.see_toast("broken.jpg is not a readable picture", 40)
    desk.until(lambda: not desk.commands.portrait.path)
    empty = tmp_path / "coffee.jpg"
    Image.fromarray(data.coffee()).save(empty)
    looked(desk, empty)
    desk.see_toast("No face was found")
    desk.click("Portrait/Mark by hand")
    desk.run_jobs(40)
    assert desk.commands.portrait.face is not None
    assert len(desk.commands.portrait.face.landmarks) == 468


def test_hostile_files_give_a_sentence_and_take_nothing_away(desk, photo, tmp_path):
    looked(desk, photo)
    portrait, state = desk.commands.portrait, desk.commands.state.snapshot()
    astronaut = Image.open(photo).convert("RGB")
    astronaut.save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:9000])
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    (tmp_path / "zero.jpg").write_bytes(b"")
    (tmp_path / "zero.mov").write_bytes(b"")
    write_sound(tmp_path / "sound.mp4")
    for name, words in (
        ("cut.jpg", "is cut off or damaged"),
        ("huge.png", "Reduce it first"),
        ("zero.jpg", "is empty"),
        ("zero.mov", "is empty"),
        ("sound.mp4", "no video frames"),
    ):
        desk.drop(tmp_path / name)
        notice = desk.see_toast(f"{name} ", 40)
        assert words in notice.sentence and "\n" not in notice.sentence
        desk.until(lambda: desk.commands.portrait is portrait and not desk.commands.following)
    assert desk.commands.state == state and portrait.face is not None
    astronaut.save(tmp_path / "other.png")
    desk.drop(tmp_path / "other.png")
    desk.frames(1)
    desk.drop(tmp_path / "cut.jpg")  # while the one before is still looked at
    desk.until(lambda: desk.commands.portrait.found is not None and not desk.commands.job, 40)
    assert Path(desk.commands.portrait.path).name == "other.png"

    cat = Image.fromarray(data.chelsea())
    cat.save(tmp_path / "cat.gif", save_all=True, append_images=[Image.new("RGB", cat.size)])
    crowd = np.array(astronaut.crop((125, 0, 325, 200)).resize((96, 96)))
    Image.fromarray(np.tile(crowd, (5, 6, 1))).save(tmp_path / "crowd.png")
    astronaut.convert("L").save(tmp_path / "grey.jpg")
    astronaut.convert("CMYK").save(tmp_path / "cmyk.jpg")
    looked(desk, tmp_path / "cat.gif")
    desk.see_toast("cat.gif is animated: its first picture is taken")
    desk.see_toast("No face was found")
    for name, faces in (("crowd.png", 30), ("grey.jpg", 1), ("cmyk.jpg", 1)):
        looked(desk, tmp_path / name)
        assert len(desk.commands.portrait.faces) == faces, name


def test_pictures_with_a_session_are_sessions(desk, tmp_path):
    desk.key("s")
    desk.until(lambda: list((tmp_path / "pictures").glob("*.png")))
    desk.run_jobs()
    desk.drop(next((tmp_path / "pictures").glob("*.png")))
    desk.see_toast("Opened")
    assert not desk.commands.portrait.path

"""Files take their place whole, wherever they lie and whatever their names."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.replacing import replacing

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, text: str = "new") -> None:
    with replacing(path) as part:
        part.write_text(text)


def refuse(code: int):
    def refused(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return refused


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["chmod", "lchmod", "fchmod"])
def test_shares_that_refuse_a_mode(tmp_path, monkeypatch, name):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o600)
    if hasattr(os, name):
        monkeypatch.setattr(os, name, refuse(errno.EPERM))
    write(path)
    write(tmp_path / "b")
    assert path.read_text() == "new"
    assert left(tmp_path) == ["a", "b"]


def test_a_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as part:
        part.write_text("new")
        part.chmod(0o600)  # as some libraries do
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EACCES, errno.EBADF, errno.EIO])
def test_file_systems_that_sync_no_folders(tmp_path, monkeypatch, code):
    sync = os.fsync

    def of_files(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").is_dir():
            refuse(code)()
        sync(fd)

    monkeypatch.setattr(os, "fsync", of_files)
    write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"


def test_file_systems_that_sync_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
    monkeypatch.setattr(os, "fsync", refuse(errno.EDQUOT))
    with pytest.raises(OSError, match="quota"):
        write(tmp_path / "a", "newer")
    assert (tmp_path / "a").read_text() == "new"


def test_links_stay_links(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "settings.json", tmp_path / "settings.json"
    target.write_text("old")
    link.symlink_to(Path("far") / "settings.json")
    write(link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    target.unlink()
    write(link, "made")  # a link to what is not there yet
    assert target.read_text() == "made"
    assert left(tmp_path / "far") == ["settings.json"]


@pytest.mark.parametrize("name", ["n" * 240, "n" * 255, "é" * 127, "头" * 85, "." + "n" * 254])
def test_long_names(tmp_path, name):
    write(tmp_path / name)
    assert left(tmp_path) == [name]


def test_only_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(FileExistsError, match="not a file"):
            write(tmp_path / name)
    assert left(tmp_path) == ["folder", "pipe"]


def start(folder: Path) -> subprocess.Popen[str]:
    """A process that writes a file in the folder for ever."""
    code = (
        "import sys, time; from training.replacing import part_beside, replacing; "
        "from pathlib import Path; folder = Path(sys.argv[1])\n"
        "with replacing(folder / 'a.mp4') as part, part_beside(folder / 'clip') as other:\n"
        "    part.write_text('half')\n"
        "    part.with_name(part.name + '.frames').write_text('half')\n"
        "    other.mkdir(); (other / 'frame').write_text('half')\n"
        "    print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_a_killed_process_leaves_is_removed(tmp_path):
    processes = [start(tmp_path) for _ in range(2)]
    try:
        assert len(left(tmp_path)) == 6
        processes[0].kill()
        processes[0].wait()
        others = [tmp_path / ".mine.part", tmp_path / ".a.mp4.1234abcd.part"]
        for path in others:
            path.write_text("not of this program")
        write(tmp_path / "b.mp4")
        assert (tmp_path / "b.mp4").exists()
        kept = [path for path in tmp_path.iterdir() if path not in others]
        assert len(kept) == 4  # of the process that lives, and the new file
        assert all(path.exists() for path in others)
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_parts_of_other_machines_are_left_for_a_week(tmp_path):
    new, old = (tmp_path / f".a.01234567-{k}-89abcdef.part" for k in (1, 2))
    for path in (new, old):
        path.write_text("half")
    week = time.time() - 8 * 24 * 3600
    os.utime(old, (week, week))
    write(tmp_path / "a")
    assert left(tmp_path) == [new.name, "a"]

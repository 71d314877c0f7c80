"""People without a home, and names that look like one."""

import os
from pathlib import Path

import pytest

from training.user_folders import expanded, user_folder


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person without a home or an entry among the users; the folder of temporary files."""
    for name in list(os.environ):
        if name == "HOME" or name.startswith("XDG_"):
            monkeypatch.delenv(name)

    def nobody(_: object) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("pwd.getpwnam", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_person_without_a_home_gets_a_temporary_folder(homeless):
    folders = [user_folder(kind) for kind in ("cache", "config", "pictures")]
    assert len({*folders}) == 3
    assert all(folder.parent.parent == homeless for folder in folders)
    assert folders[0].parent.stat().st_mode & 0o077 == 0
    assert user_folder("cache") == folders[0]


def test_nobody_else_s_folder_is_taken(homeless, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (homeless / f"pv3d-visualizer-{os.getuid()}").symlink_to(elsewhere)
    user_folder("cache").mkdir(parents=True)
    assert not any(elsewhere.iterdir())


def test_names_that_begin_with_a_tilde(homeless):
    for name in ("~nosuchuser/x", "~backup.safetensors", "~/x"):
        assert expanded(name) == Path(name)


def test_homes_are_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert expanded("~/x") == Path("/home/anna/x")
    assert user_folder("cache").is_absolute()

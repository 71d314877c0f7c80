"""Favourites and what was looked at, in the files that outlive the program."""

from __future__ import annotations

import json
from pathlib import Path

from viz.app.gallery.favourites_file import FavouritesFile
from viz.app.sessions.autosave import Autosave, Origin
from viz.state.kept.favourites import Favourite
from viz.state.kept.seen import Seen
from viz.state.person import Latent
from viz.state.types import Orbit, SessionState


def test_windows_share_the_file_of_favourites(tmp_path: Path) -> None:
    path = tmp_path / "favourites.json"
    here, there = FavouritesFile(path), FavouritesFile(path)
    ours, theirs = Favourite("Ours", Latent.at(1)), Favourite("Theirs", Latent.at(2))
    here.save((ours,))
    there.save((theirs,))
    assert set(FavouritesFile(path).known) == {ours, theirs}
    here.save(())
    assert FavouritesFile(path).known == (theirs,), "what the other one added stays"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({"favourites": [*data["favourites"], {"latent": {"x": "?"}}, 3]}))
    assert FavouritesFile(path).known == (theirs,)
    path.write_text("{")
    assert FavouritesFile(path).known == ()
    assert (tmp_path / "favourites.damaged.json").exists(), "nothing is thrown away"


def test_what_was_looked_at_is_saved_with_the_session(tmp_path: Path) -> None:
    autosave = Autosave(tmp_path / "sessions")
    autosave.seen = tuple(
        Seen.of(SessionState(latent=Latent.at(seed), orbit=Orbit(yaw=seed)), "w")
        for seed in range(30)
    )
    assert not autosave.save(SessionState(t=0.5), Origin())
    (kept,) = autosave.sessions()
    assert tuple(kept.seen) == autosave.seen
    (path,) = (tmp_path / "sessions").glob("*.seen.json")
    path.write_text("[]")
    assert kept.seen == []
    autosave.close()
    for k in range(30):
        other = Autosave(tmp_path / "sessions")
        assert not other.save(SessionState(t=k / 100), Origin())
        other.close()
    assert not path.exists(), "it goes with the last session of its window"

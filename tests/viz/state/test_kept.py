"""Favourites, what was looked at, and people near others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from viz.state import named_files, session
from viz.state.kept import favourites, nearby
from viz.state.kept.favourites import Favourite
from viz.state.kept.seen import MOST_SEEN, SECONDS, Seen, SeenList
from viz.state.person import Latent, Motion
from viz.state.types import Cue, Orbit, SessionState

ANNA, SMILE = Latent.at(7), Motion.at(3)


def test_a_star_keeps_and_lets_go() -> None:
    kept = favourites.toggled(favourites.toggled((), ANNA), SMILE)
    assert [entry.code for entry in kept] == [ANNA, SMILE]
    assert [entry.title for entry in kept] == ["Seed 7", "Seed 3"]
    named = favourites.renamed(kept, ANNA, "Anna Blau")
    assert [entry.title for entry in favourites.found(named, "BLAU anna")] == ["Anna Blau"]
    assert [entry.code for entry in favourites.found(named, "seed 7")] == [ANNA]
    assert favourites.found(named, "anna 3") == ()
    assert favourites.renamed(named, ANNA, "") == kept
    assert favourites.toggled(named, ANNA) == kept[1:]


def test_lists_join_without_doubles() -> None:
    ours, theirs = (Favourite("Anna", ANNA),), (Favourite("A.", ANNA), Favourite("", Latent.at(8)))
    assert favourites.joined(ours, theirs) == (ours[0], theirs[1])
    assert favourites.joined(ours, ours) is ours


def test_sessions_keep_favourites_and_exports_do_not(tmp_path: Path) -> None:
    portrait = Latent.of_file("/far/away/anna.person")
    state = SessionState(favourites=(Favourite("Anna", portrait), Favourite("", ANNA)))
    read = session.from_json(session.to_json(state))
    assert read.favourites == state.favourites
    assert named_files.portable(state, tmp_path).favourites == ()
    found = named_files.with_files_found(read, tmp_path, [])
    assert found.favourites == (Favourite("", ANNA),), "a file that may not be opened is left out"
    (tmp_path / "anna.person").touch()
    found = named_files.with_files_found(read, tmp_path, [])
    latent = found.favourites[0].latent
    assert latent is not None
    assert latent.ws_file == str(tmp_path / "anna.person")


def test_models_of_cues_lie_beside_the_session(tmp_path: Path) -> None:
    stranger = tmp_path / "elsewhere" / "other.safetensors"
    stranger.parent.mkdir()
    stranger.touch()
    state = SessionState(cues=(Cue(checkpoint=str(stranger)), Cue()))
    folder = tmp_path / "talk"
    folder.mkdir()
    found = named_files.with_files_found(state, folder, [])
    assert [cue.checkpoint for cue in found.cues] == [stranger.name, ""], "it may not be opened"
    assert named_files.located_again(stranger.name, folder) == ""
    assert named_files.with_files_found(state, folder, [str(stranger)]) == state
    beside = folder / stranger.name
    beside.touch()
    first, second = named_files.with_files_found(state, folder, []).cues
    assert (first.checkpoint, second.checkpoint) == (str(beside), "")
    assert named_files.located_again(first.checkpoint, tmp_path) == str(beside)


def test_neighbours_lie_around_the_middle() -> None:
    assert nearby.around(ANNA, 5, 0.0) == ANNA
    near = nearby.around(ANNA, 5, 0.2)
    assert isinstance(near, Latent)
    (other,) = near.others
    assert (near.seed, other.latent.seed) == (7, 5)
    assert other.share == pytest.approx(0.2)
    for number in range(300):
        near = nearby.around(near, number, 0.1)
    assert isinstance(near, Latent)
    assert len(near.others) < 40, "blends of blends do not grow for ever"
    motion = nearby.around(SMILE, 5, 0.2)
    assert isinstance(motion, Motion)
    assert motion.others[0].share == pytest.approx(0.2)
    with pytest.raises(TypeError):
        nearby.blended(ANNA, SMILE, 0.5)


def test_going_halfway_uses_the_blend_that_has_a_slider() -> None:
    half = nearby.towards(ANNA, Latent.at(9))
    assert half == replace(ANNA, blend_seed=9, blend=0.5)
    assert nearby.towards(half, Latent.at(9)) == replace(ANNA, blend_seed=9, blend=0.75)
    third = nearby.towards(half, Latent.at(11))
    assert isinstance(third, Latent)
    assert third.others[0].latent == Latent.at(11), "the first blend stays"
    assert third.blend == 0.5


def test_what_stands_for_a_second_was_looked_at() -> None:
    seen = SeenList()

    def at(seed: int, yaw: float = 0.0) -> Seen:
        return Seen.of(SessionState(latent=Latent.at(seed), orbit=Orbit(yaw=yaw)), "w")

    seen.stands(at(1), 0.0)
    seen.stands(at(2), 0.5)
    seen.stands(at(2), 0.5 + SECONDS / 2)
    assert seen.entries == (), "neither stood long enough"
    assert seen.stands(at(2), 0.5 + SECONDS) == at(2)
    assert seen.stands(at(2), 9.0) is None, "once"
    seen.stands(None, 9.5)
    seen.stands(at(1), 10.0)
    seen.stands(at(1), 12.0)
    seen.stands(at(2, yaw=20), 13.0)
    seen.stands(at(2, yaw=20), 15.0)
    assert seen.entries == (at(2, yaw=20), at(1)), "each once, as it was seen last"
    seen.add(at(seed) for seed in range(500))
    assert len(seen.entries) == MOST_SEEN
    state = seen.entries[0].applied_to(SessionState(favourites=(Favourite("", ANNA),)))
    assert state.latent == Latent.at(499)
    assert state.favourites, "only what was seen comes back"

"""Small pictures on disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.viz.render.worker_thread import WorkerThread
from training.checkpoint import save
from training.networks.generator import Generator
from viz.render.connection import WorkerConnection
from viz.render.messages import Event, Loaded, Rendered
from viz.render.picture.thumbnail_store import ThumbnailStore
from viz.scheduling.thumbnails import of_person
from viz.state.person import Latent
from viz.state.types import RenderResult

CHANCE = np.random.default_rng(0)


def noise() -> np.ndarray:
    """A picture that cannot be compressed."""
    return CHANCE.integers(0, 256, (32, 32, 3), np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "thumbnails.sqlite"


def test_pictures_are_found_by_model_and_request(path: Path) -> None:
    one, two = noise(), noise()
    request = of_person(Latent.at(1))
    store = ThumbnailStore(path)
    assert store.get("model", request) is None
    store.put("model", request, one)
    store.put("other", request, two)
    store.put("model", of_person(Latent(ws_file="somebody.npz")), one)
    store.close()
    assert store.get("model", request) is None, "closed"
    again = ThumbnailStore(path)
    for model, expected in (("model", one), ("other", two)):
        found = again.get(model, request)
        assert found is not None
        assert np.array_equal(found, expected)
    assert again.get("model", of_person(Latent.at(2))) is None
    assert again.get("model", of_person(Latent(ws_file="somebody.npz"))) is None, "it may change"
    assert again.get("", request) is None


def test_the_oldest_make_room(path: Path) -> None:
    store = ThumbnailStore(path, max_bytes=20 * noise().nbytes)
    for seed in range(60):
        store.put("model", of_person(Latent.at(seed)), noise())
    found = [store.get("model", of_person(Latent.at(seed))) for seed in range(60)]
    kept = [seed for seed, picture in enumerate(found) if picture is not None]
    assert 15 <= len(kept) <= 20
    assert kept == list(range(60 - len(kept), 60))
    store.close()


def test_a_damaged_file_is_replaced(path: Path) -> None:
    request, pixels = of_person(Latent.at(1)), noise()
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    store = ThumbnailStore(path)
    store.put("model", request, pixels)
    assert store.get("model", request) is not None
    store.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE pictures SET pixels = ?", (b"nonsense",))
    file.close()
    store = ThumbnailStore(path)
    assert store.get("model", request) is None
    assert ThumbnailStore(path).get("model", request) is None
    assert ThumbnailStore(path / "below a file" / "x").get("model", request) is None


Connect = Callable[[ThumbnailStore], WorkerConnection]


@pytest.fixture
def connect(small_generator: Generator, tmp_path: Path) -> Iterator[Connect]:
    """Makes workers that show a small model."""
    made: list[WorkerConnection] = []
    save(tmp_path / "small.safetensors", small_generator)

    def connection(store: ThumbnailStore) -> WorkerConnection:
        made.append(WorkerConnection(WorkerThread(store=store).launch, "cpu"))
        made[-1].load(str(tmp_path / "small.safetensors"))
        wait(made[-1], lambda event: isinstance(event, Loaded))
        return made[-1]

    yield connection
    for worker in made:
        worker.close()


def small_pictures(worker: WorkerConnection, count: int) -> list[RenderResult]:
    """The next small pictures that come."""
    found: list[RenderResult] = []

    def come(event: Event) -> bool:
        if isinstance(event, Rendered) and event.idle:
            found.append(event.result)
        return len(found) == count

    wait(worker, come)
    return found


def wait(worker: WorkerConnection, done: Callable[[Event], bool]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for event in worker.poll():
            if done(event):
                return
        time.sleep(0.002)
    raise AssertionError("it did not come")


def test_a_worker_renders_no_picture_twice(connect: Connect, path: Path) -> None:
    request = of_person(Latent.at(5))
    worker = connect(ThumbnailStore(path))
    worker.submit_idle((request,))
    (first,) = small_pictures(worker, 1)
    worker.close()
    worker = connect(ThumbnailStore(path))  # another start
    other = replace(request, quality=replace(request.quality, mesh_level=9.0))
    worker.submit_idle((request, other))
    again, rendered = small_pictures(worker, 2)
    assert (again.request, rendered.request) == (request, other)
    before, after = first.pictures[0], again.pictures[0]
    assert before is not None
    assert after is not None
    assert np.array_equal(before, after)
    assert not again.total_ms, "it came from the disk"
    assert rendered.total_ms > 0, "this one was not there"

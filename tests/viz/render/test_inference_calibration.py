"""Which way a model takes on a machine: measured once, then known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training.networks.generator import Generator
from viz.render.inference import calibration, format_trials, kept_plans
from viz.render.inference.cpu import int8
from viz.render.inference.format_trials import Trial, fastest
from viz.render.inference.gpu.device_stages import DeviceStages
from viz.render.inference.plan import Plan
from viz.render.inference.stages import PreparedStages, ReferenceStages
from viz.render.models import load_model
from viz.render.renderer import Renderer
from viz.state.types import Quality, RenderRequest, SessionState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""

    def path(*_: object, **__: object) -> Path:
        return tmp_path / "cache"

    monkeypatch.setattr("platformdirs.user_cache_path", path)
    monkeypatch.setattr(calibration, "known", {})
    return tmp_path / "cache" / "calibration"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Makes measuring find bfloat16; notes each time."""
    calls: list[Plan] = []

    def measure(_: Generator):
        yield "Measuring this machine", 0.5
        calls.append(Plan.of("bfloat16", "float32"))
        return calls[-1]

    monkeypatch.setattr(format_trials, "measure", measure)
    return calls


def forget() -> None:
    """As a new start of the program."""
    calibration.known.clear()


def test_a_format_that_the_cpu_emulates_is_not_measured(small_generator, folder, monkeypatch):
    """It is slower, however the load may change between two measurements."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for unit in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, unit, lambda: False)
    monkeypatch.setattr(int8, "is_available", lambda _: False)
    monkeypatch.setattr(format_trials, "PreparedStages", lambda *_: pytest.fail("it is measured"))
    assert calibration.plan_for(small_generator) == Plan()


def test_a_real_measurement_gives_a_plan_that_renders(small_generator, folder):
    plan = calibration.plan_for(small_generator)
    assert plan == Plan(), "so little is to be won here that exactness counts more"
    (kept,) = folder.glob("*.json")
    assert json.loads(kept.read_text())["plan"]["backbone"] == "float32"
    with torch.inference_mode():
        renderer = Renderer(small_generator)
        result = renderer.render(RenderRequest((SessionState().shot(),)))
    assert result.precision == "float32"
    assert isinstance(renderer.stages(plan), PreparedStages)


def test_what_was_measured_is_known_at_the_next_start(small_generator, folder, measured):
    first = calibration.plan_for(small_generator)
    assert calibration.plan_for(small_generator) == first
    forget()
    assert calibration.plan_for(small_generator) == first == measured[0]
    assert len(measured) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace("bfloat16", "float8"),
        lambda text: text.replace('"superresolution"', '"other"'),
        lambda text: json.dumps(json.loads(text) | {"key": "another machine"}),
        lambda text: json.dumps({"key": json.loads(text)["key"], "plan": None}),
    ],
)
def test_a_file_that_says_something_else_is_replaced(small_generator, folder, measured, damage):
    calibration.plan_for(small_generator)
    (kept,) = folder.glob("*.json")
    good = kept.read_text()
    kept.write_text(damage(good))
    forget()
    assert calibration.plan_for(small_generator) == measured[-1]
    assert len(measured) == 2
    assert kept.read_text() == good
    assert list(folder.iterdir()) == [kept]


def test_machines_and_models_are_told_apart(small_generator, folder, measured, monkeypatch):
    calibration.plan_for(small_generator)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        forget()
        calibration.plan_for(small_generator)
    finally:
        torch.set_num_threads(threads)
    assert len(measured) == 1, "pixels do not depend on the number of threads"
    machine = kept_plans.machine()
    monkeypatch.setattr(kept_plans, "machine", lambda: machine | {"cores": "64"})
    calibration.plan_for(small_generator)
    assert len(measured) == 2
    other = Generator(replace(small_generator.config, channel_max=8)).eval()
    calibration.plan_for(other)
    assert len(measured) == 3
    assert len(list(folder.glob("*.json"))) == 3


def test_the_slower_start_takes_what_the_faster_one_found(small_generator, folder):
    key = kept_plans.key_of(small_generator)
    path = kept_plans.path_of(key)
    fast = kept_plans.publish(path, key, Plan.of("bfloat16", "float32"))
    assert kept_plans.publish(path, key, Plan()) == fast


def test_a_folder_that_cannot_be_written_does_no_harm(small_generator, folder, measured):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    assert calibration.plan_for(small_generator) == measured[0]
    assert calibration.plan_for(small_generator) == measured[0]
    assert len(measured) == 1, "known for the rest of this process all the same"


def test_loading_a_model_measures_and_tells(small_generator, folder, measured):
    told = [detail for detail, _ in load_model("", torch.device("cpu"))]
    assert "Measuring this machine" in told
    assert len(measured) == 1


def test_what_the_session_demands_is_used(small_generator, folder, measured):
    renderer = Renderer(small_generator)
    assert renderer.plan(Quality()) == measured[-1]
    assert renderer.plan(Quality(precision="float32")) == Plan()
    assert renderer.plan(Quality(precision="bfloat16")) == Plan.uniform("bfloat16")
    half = renderer.plan(Quality(precision="float16"))
    assert half.reference
    assert renderer.dtype(Quality(precision="float16")) == torch.float16
    assert isinstance(renderer.stages(half), ReferenceStages)
    assert isinstance(renderer.stages(Plan()), PreparedStages)


# What a GPU's measurement does, here on the CPU


def measured_as_on_gpu(G: Generator) -> Plan:
    steps = format_trials.measure_on_gpu(G)
    while True:
        try:
            assert next(steps)[0]
        except StopIteration as end:
            return end.value


def test_a_gpu_s_plan_is_one_that_is_read_again(small_generator, folder):
    plan = measured_as_on_gpu(small_generator)
    assert not plan.reference
    key = kept_plans.key_of(small_generator)
    path = kept_plans.path_of(key)
    for found in (plan, Plan.on_gpu("float16"), Plan.of("bfloat16", "float16", rays="float16")):
        path.unlink(missing_ok=True)
        assert kept_plans.publish(path, key, found) == found
        assert kept_plans.read(path, key) == found


@pytest.mark.parametrize("wrong", ["fails", "other picture"])
def test_a_gpu_that_cannot_be_trusted_runs_the_networks(small_generator, monkeypatch, wrong):
    right = DeviceStages.superresolve

    def superresolve(self, *arguments):
        if wrong == "fails":
            raise RuntimeError("no such kernel image")
        return right(self, *arguments) + 0.1

    monkeypatch.setattr(DeviceStages, "superresolve", superresolve)
    assert measured_as_on_gpu(small_generator).reference


def test_a_half_format_must_be_faster_and_close(small_generator):
    picture = torch.zeros(1, 3, 8, 8)
    networks = ReferenceStages(small_generator, Plan(reference=True))

    def test(seconds: float, off: float) -> Trial:
        found = Trial(small_generator, networks)
        found.seconds["rays"], found.pictures["rays"] = seconds, picture + off
        return found

    full = test(0.002, 0.0)

    def format_of(**others: Trial) -> str:
        tests: dict[Any, Trial] = {"float32": full, **others}
        return fastest("rays", tests, full)

    assert format_of(float16=test(0.001, 1e-3), bfloat16=test(0.0005, 1e-3)) == "bfloat16"
    assert format_of(float16=test(0.001, 1e-3), bfloat16=test(0.0005, 0.1)) == "float16"
    assert format_of(float16=test(0.001, 0.1)) == "float32"
    assert format_of(float16=test(0.0019, 0.0)) == "float32", "not worth it"

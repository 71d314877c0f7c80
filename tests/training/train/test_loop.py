"""The training loop: it learns, repeats, resumes bit for bit, and shares work over processes."""

import errno
import gzip
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from tests.checkpoint import official_files
from tests.training.train.tiny_run import CONFIG, assert_equal, trainer, weights, write_clips
from training.checkpoint import CheckpointError, load_generator, save, start_from
from training.config import DiscriminatorConfig
from training.distributed import World
from training.networks.generator import Generator
from training.train.logs import Logs
from training.train.run_folder import RunError, RunFolder
from training.train.step import Schedule
from training.train.train_command import main, train
from training.train.train_config import PRESETS, LossConfig, TrainConfig

ROOT = Path(__file__).resolve().parents[3]


def test_every_phase_runs_at_its_interval_and_moves_its_network(tmp_path):
    run = trainer(tmp_path)
    before = {name: weights(module) for name, module in run.state.modules.items()}
    logged = list(run.run())
    assert [("G/density" in v, "D/image R1" in v) for v in logged] == [
        (k % 2 == 0, k % 3 == 0) for k in range(6)
    ]
    assert all(torch.isfinite(torch.tensor(list(v.values()))).all() for v in logged)
    for name, module in run.state.modules.items():
        after = weights(module)
        moved = [k for k in after if not torch.equal(after[k], before[name][k])]
        assert len(moved) > len(after) / 2, name
    assert run.networks.G.backbone.mapping.w_avg.abs().sum() > 0


def test_discriminators_learn_to_tell_stripes(tmp_path):
    run = trainer(tmp_path, updates=30)
    first, *_, last = [v["D/image"] for v in run.run()]
    assert last < first


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole = trainer(tmp_path / "whole")
    expected = list(whole.run())
    parted = trainer(tmp_path / "parted", stop_after=4)
    values = list(parted.run())
    resumed = trainer(tmp_path / "parted", resume=True)
    values += list(resumed.run())
    assert values == expected
    for name, module in whole.state.modules.items():
        assert_equal(weights(module), weights(resumed.state.modules[name]))


_KILLED = """
import sys
from pathlib import Path
from tests.training.train.tiny_run import trainer
run = trainer(Path(sys.argv[1]), updates=200, save_every=1)
for values in run.run():
    print(run.state.update, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize("kind", ["SIGKILL", "SIGTERM"])
def test_killed_at_any_moment_it_goes_on_as_if_it_had_not_been(tmp_path, kind):
    folder = tmp_path / "killed"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 3:
                process.send_signal(getattr(signal, kind))
                break
        rest = process.stdout.read().split()
    if kind == "SIGTERM":
        assert process.returncode == 0
        assert len(rest) < 5, "it stops after the update under way"
    done = int(RunFolder(folder).states()[-1].stem)
    assert 3 <= done < 200
    last = done + 2
    resumed = trainer(folder, resume=True, updates=last)
    list(resumed.run())
    straight = trainer(tmp_path / "straight", updates=last)
    list(straight.run())
    assert_equal(weights(resumed.networks.G), weights(straight.networks.G))


def test_states_are_few_whole_and_survive_damage(tmp_path):
    list(trainer(tmp_path, keep=2, save_every=1).run())
    folder = RunFolder(tmp_path)
    assert [int(path.stem) for path in folder.states()] == [5, 6]
    newest = folder.states()[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    again = trainer(tmp_path, resume=True)
    assert again.folder.restore(again.state) == folder.states()[0]
    assert again.state.update == 5
    with pytest.raises(RunError, match="already holds a run"):
        folder.begin(CONFIG, resume=False)


def test_a_full_disk_costs_no_state(tmp_path, monkeypatch, caplog):
    run = trainer(tmp_path, updates=4)
    next(iter(run.run()))
    run.save()
    old = [path.read_bytes() for path in RunFolder(tmp_path).states()]

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    run.state.update += 1
    run.save()
    assert "not saved" in caplog.text
    assert [path.read_bytes() for path in RunFolder(tmp_path).states()] == old
    assert not list(tmp_path.rglob("*.part"))


def test_the_visualizer_can_open_a_run(tmp_path):
    run = trainer(tmp_path)
    list(run.run())
    G = load_generator(RunFolder(tmp_path).generator)
    assert_equal(weights(G), weights(run.networks.G_ema))


@pytest.mark.parametrize("kind", ["eg3d.pkl", "still.safetensors"])
def test_starting_from_a_still_network_keeps_its_backbone(tmp_path, kind):
    still = official_files.make_generator(official_files.still())
    path = tmp_path / kind
    if path.suffix == ".pkl":
        official_files.write_eg3d(path, still)
    else:
        save(path, still)
    G = Generator(official_files.CONFIG)
    new = start_from(G, path)
    assert new
    assert all("motion_time_fuser" in name or "to_img_raw" in name for name in new)
    assert_equal({k: v for k, v in weights(G).items() if k not in new}, weights(still))


def test_a_run_starts_from_another_run_s_generator(tmp_path):
    first = trainer(tmp_path / "first", updates=2)
    list(first.run())
    path = str(RunFolder(tmp_path / "first").generator)
    second = trainer(tmp_path / "second", start_from=path)
    assert_equal(weights(second.networks.G), weights(first.networks.G_ema))
    other = replace(CONFIG.generator, channel_base=32, channel_max=4)
    with pytest.raises(CheckpointError, match=r"Cannot start from .* different sizes"):
        start_from(Generator(other), path)


def test_the_presets_follow_the_published_run():
    """Its README's command line, its configs/projects/pv3d.yaml and its training loop."""
    config = PRESETS["voxceleb-res64"]
    assert config.batch == 16
    assert config.precision == "float16"
    assert not config.half_backbone
    assert config.discriminator.half_blocks == 4
    assert config.optimizer.g_beta2 == pytest.approx(0.9919919678228657, abs=1e-15)
    assert config.optimizer.d_beta2 == pytest.approx(0.9905854573074332, abs=1e-15)
    assert not config.loss.times_at_frames
    # The blur goes over 200 kimg by the share of one GPU's clips, here 2, in 32.
    gone = 200_000 * 2 // 32 // 16
    assert Schedule.at(gone // 2, config).blur_sigma == pytest.approx(5, abs=0.02)
    assert Schedule.at(gone, config).blur_sigma < 0.02
    assert Schedule.at(gone + 1, config).blur_sigma == 0


def test_schedules_of_the_published_settings():
    config = PRESETS["voxceleb-res128"]
    start = Schedule.at(0, config)
    assert start == Schedule(1.0, 10.0, 64)
    middle = Schedule.at(500_000 // 16, config)
    assert middle.swap_probability == pytest.approx(0.75)
    assert middle.raw_resolution == 96
    assert Schedule.at(300_000, config) == Schedule(0.5, 0.0, 128)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_whole(name):
    config = PRESETS[name]
    assert config.generator.image_resolution == config.discriminator.resolution


def test_impossible_settings_are_all_named():
    with pytest.raises(ValueError) as caught:
        TrainConfig(batch=6, micro_batch=4, keep=0, discriminator=DiscriminatorConfig(256))
    assert all(word in str(caught.value) for word in ("keep", "multiple", "512 px"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": -1, "workers": -2}, "seed is -1.*workers is -2"),
        ({"loss": LossConfig(r1_interval=0)}, "r1_interval is 0"),
        ({"batch": 1, "micro_batch": 1}, "swapped"),
    ],
)
def test_settings_that_would_fail_later_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        replace(CONFIG, **changes)


def test_processes_that_cannot_share_an_update_evenly_say_so(tmp_path):
    with pytest.raises(RunError, match="3 processes cannot share the 2 micro-batches"):
        train(replace(CONFIG, data="clips", out=str(tmp_path / "run")), World(rank=1, size=3))


def test_a_signal_to_another_process_saves_too(tmp_path):
    asked = []

    class Stopped(World):
        def any(self, flag: bool) -> bool:
            asked.append(flag)
            return flag or len(asked) == 1

    run = trainer(tmp_path)
    run.world = Stopped()
    assert list(run.run()) == []
    assert [path.name for path in RunFolder(tmp_path).states()] == ["000000000.state"]


def test_averages_count_as_the_published_loop_does(tmp_path):
    """The first average is the generator itself, as no clip counts before it; w is averaged over
    the clips that the discriminators are shown."""
    run = trainer(tmp_path, updates=2)
    drawn = []
    compute = run.step.compute["Dmain"]

    def remember(*arguments):
        outcome = compute(*arguments)
        drawn.append(outcome.w_sum)
        return outcome

    run.step.compute["Dmain"] = remember
    next(iter(run.run()))
    G, G_ema = run.networks.G, run.networks.G_ema
    assert_equal(weights(G), weights(G_ema))
    mean = torch.stack(drawn).sum(dim=0) / (2 * CONFIG.batch)
    assert torch.allclose(G.backbone.mapping.w_avg, 0.002 * mean, atol=1e-7)


def test_generated_clips_stand_at_any_time(tmp_path):
    seen = []

    def times(run):
        planes = run.networks.G.planes
        run.networks.G.planes = lambda ws, z, t, **o: (seen.append(t), planes(ws, z, t, **o))[1]
        next(iter(run.run()))
        found = torch.cat(seen) * 15
        seen.clear()
        return (found - found.round()).abs().max().item()

    assert times(trainer(tmp_path / "any")) > 0.1
    frames = replace(CONFIG.loss, times_at_frames=True)
    assert times(trainer(tmp_path / "frames", loss=frames)) < 1e-5


def test_what_a_resumed_run_does_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    list(trainer(tmp_path, updates=2, resume=True).run())
    assert "has no saved state" in caplog.text
    newest = RunFolder(tmp_path).states()[-1]
    caplog.clear()
    RunFolder(tmp_path).begin(replace(CONFIG, out=str(tmp_path), updates=2), resume=True)
    assert not caplog.text
    changed = replace(
        CONFIG, out=str(tmp_path), seed=5, updates=2, workers=1, loss=LossConfig(r1_gamma=3.0)
    )
    RunFolder(tmp_path).begin(changed, resume=True)
    assert "loss.r1_gamma was 2.0 and is 3.0" in caplog.text
    assert "seed was 0 and is 5" in caplog.text
    assert "workers" not in caplog.text
    list(trainer(tmp_path, updates=2, resume=True).run())
    assert f"continues from {newest.name}" in caplog.text
    newest.write_bytes(b"damaged")
    with pytest.raises(RunError, match="can be used"):
        list(trainer(tmp_path, updates=2, resume=True).run())
    assert f"{newest.name} cannot be read" in caplog.text


def test_a_full_disk_costs_log_entries_and_not_the_run(tmp_path, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    logs = Logs(tmp_path)
    logs.numbers(1, {"G": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr(SummaryWriter, "add_scalar", full)
        logs.numbers(2, {"G": 2.0, "D": 3.0})
        patch.setattr(SummaryWriter, "close", full)
        logs.close()
    assert caplog.text.count("entries for TensorBoard are lost") == 1
    logs.numbers(3, {"G": 4.0})
    logs.close()
    logged = EventAccumulator(str(tmp_path))
    logged.Reload()
    assert [event.value for event in logged.Scalars("G")][-1] == 4.0


def test_one_update_can_be_profiled(tmp_path):
    list(trainer(tmp_path, updates=3, profile=2).run())
    (path,) = (tmp_path / "profiles").iterdir()
    assert path.name == "000000002.json.gz"
    with gzip.open(path, "rt") as file:
        names = {event.get("name") for event in json.load(file)["traceEvents"]}
    assert "aten::conv2d" in names
    again = trainer(tmp_path, updates=5, resume=True)
    list(again.run())
    assert len(list((tmp_path / "profiles").iterdir())) == 1


def test_the_command_trains_logs_and_resumes(tmp_path, capfd):
    """The whole way on a small data set on disk, as a user starts it."""
    data = write_clips(tmp_path / "data", count=3, side=128)
    small = ["tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--batch", "2"]
    small += ["--micro-batch", "2", "--updates", "2", "--save-every", "1", "--log-every", "1"]
    assert main([*small, "--sample-every", "2", "--stop-after", "1"]) == 0
    assert main([*small, "--sample-every", "2"]) == 1, "a run must not be overwritten"
    assert "add --resume" in capfd.readouterr().err
    assert main([*small, "--sample-every", "2", "--resume"]) == 0
    logged = EventAccumulator(str(tmp_path / "run" / "logs"))
    logged.Reload()
    scalars = {"G/image", "D/image R1", "time/Dmain", "memory/GB", "logits/real image"}
    assert scalars <= set(logged.Tags()["scalars"])
    assert {"people by time", "people by yaw", "clip"} <= set(logged.Tags()["images"])
    assert load_generator(tmp_path / "run" / "generator.safetensors").config.w_dim == 64
    assert main(["tiny", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "b")]) == 1
    assert main(["tiny", "--data", str(data), "--device", "abacus"]) == 1
    assert "The device abacus cannot be used here" in capfd.readouterr().err

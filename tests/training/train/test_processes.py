"""Several processes, on one machine or on several, train as one does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.train.tiny_run import trainer
from training.distributed import DeviceError, device_named, training_device

ROOT = Path(__file__).resolve().parents[3]

_SHARED = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.training.train.tiny_run import CONFIG, Stripes
from training.distributed import world
from training.train.loop import Trainer
from training.train.run_folder import RunFolder
config = replace(CONFIG, out=sys.argv[1])
with world("cpu") as here:
    folder = RunFolder(config.out)
    if here.first:
        folder.begin(config, False)
    run = Trainer(config, Stripes(), here, folder)
    values = list(run.run())
    if here.first:
        Path(sys.argv[2]).write_text(json.dumps(values))
threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
assert not any("gloo" in name for name in threads), threads
"""


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def launch(arguments: list[str], script: str, *values: str) -> subprocess.Popen[str]:
    """torchrun with a script."""
    command = [sys.executable, "-m", "torch.distributed.run", *arguments, script, *values]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE)


def test_a_gpu_has_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: torch.ones(1))  # there may be no GPU
    assert device_named("auto") == torch.device("cuda", 0)
    assert device_named("cuda", local=3) == torch.device("cuda", 3)
    assert device_named("cuda:1", local=3) == torch.device("cuda", 1)


def test_a_mac_s_gpu_shows_pictures_but_does_not_train(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: torch.ones(1))
    assert device_named("auto") == torch.device("mps")
    assert device_named("mps") == torch.device("mps")
    assert training_device("auto") == torch.device("cpu")
    with pytest.raises(DeviceError, match="mps lacks float64 for this: choose cpu or cuda"):
        training_device("mps")


@pytest.mark.parametrize("name", ["abacus", "meta", "cuda:99"])
def test_a_device_that_is_not_there_says_so(name):
    with pytest.raises(DeviceError, match=f"{name} cannot be used here"):
        device_named(name)


@pytest.mark.parametrize("nodes", [1, 2])
def test_two_processes_give_the_losses_of_one(tmp_path, nodes):
    """Both on one machine, or each started by a launcher of its own as on two machines."""
    expected = list(trainer(tmp_path / "one").run())
    out = tmp_path / "losses.json"
    script = tmp_path / "shared.py"
    script.write_text(_SHARED)
    values = str(script), str(tmp_path / "two"), str(out)
    if nodes == 1:
        launchers = [launch(["--standalone", "--nproc-per-node=2"], *values)]
    else:
        common = ["--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1"]
        common.append(f"--master-port={free_port()}")
        launchers = [launch([*common, f"--node-rank={rank}"], *values) for rank in range(2)]
    for launcher in launchers:
        _, errors = launcher.communicate(timeout=120)
        assert launcher.returncode == 0, errors
    found = json.loads(out.read_text())
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


_APART = """
import sys
from dataclasses import replace
from tests.training.train.tiny_run import CONFIG, Stripes
from training.distributed import world
from training.train.loop import Trainer
from training.train.run_folder import RunError, RunFolder
with world("cpu") as here:
    folder = RunFolder(sys.argv[1] if here.first else sys.argv[2])
    run = Trainer(replace(CONFIG, resume=True), Stripes(), here, folder)
    try:
        list(run.run())
    except RunError as error:
        print(error, file=sys.stderr)
"""


def test_processes_that_do_not_share_the_run_s_disk_say_so(tmp_path):
    list(trainer(tmp_path / "own", updates=2).run())
    script = tmp_path / "apart.py"
    script.write_text(_APART)
    arguments = ["--standalone", "--nproc-per-node=2"]
    launcher = launch(arguments, str(script), str(tmp_path / "own"), str(tmp_path / "other"))
    _, errors = launcher.communicate(timeout=120)
    assert errors.count("it must be on a disk that they share") == 2

"""What `make demo` and `make demo-gpu` would run exists, with its options."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import tyro

from training.checkpoint.__main__ import ConvertConfig
from training.synthetic.generate import GenerateConfig
from training.warmup.held_out import HeldOutConfig
from training.warmup.name_directions import NamingConfig
from training.warmup.sharpen import SharpenConfig
from training.warmup.warmup_command import WarmupConfig

ROOT = Path(__file__).resolve().parents[3]
SETTINGS: dict[str, type] = {
    "training.synthetic": GenerateConfig,
    "training.warmup": WarmupConfig,
    "training.warmup.sharpen": SharpenConfig,
    "training.warmup.held_out": HeldOutConfig,
    "training.checkpoint": ConvertConfig,
    "training.warmup.name_directions": NamingConfig,
}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def commands(target: str) -> list[tuple[str, object]]:
    """Modules that a target runs, in order, each with the settings that it is given."""
    command = ["make", "-n", target, f"ICT={ROOT}"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[:1] and words[0].endswith("python") and words[1:2] == ["-m"]:
            module, arguments = words[2], words[3:]
            if module in SETTINGS:
                found.append((module, tyro.cli(SETTINGS[module], args=arguments)))
    return found


@pytest.mark.parametrize("target", ["demo", "demo-gpu"])
def test_each_step_takes_what_the_one_before_it_makes(target: str):
    found = commands(target)
    assert [module for module, _ in found] == [
        "training.synthetic",
        "training.synthetic",
        "training.warmup",
        "training.warmup.sharpen",
        "training.warmup.held_out",
        "training.checkpoint",
        "training.warmup.name_directions",
    ]
    heads, others, warm, sharp, measured, converted, named = (settings for _, settings in found)
    assert isinstance(heads, GenerateConfig)
    assert isinstance(others, GenerateConfig)
    assert isinstance(warm, WarmupConfig)
    assert isinstance(sharp, SharpenConfig)
    assert isinstance(measured, HeldOutConfig)
    assert isinstance(converted, ConvertConfig)
    assert isinstance(named, NamingConfig)
    assert warm.data == sharp.data == str(heads.out)
    assert heads.seed != others.seed
    assert Path(sharp.start_from) == Path(warm.out) / "generator.safetensors"
    assert measured.run == converted.source.parent == Path(sharp.out)
    assert measured.data == others.out
    assert named.generator == converted.target
    assert warm.resume
    assert sharp.resume
    on_gpu = (warm.device, sharp.device) == ("cuda", "cuda")
    assert on_gpu == (target == "demo-gpu")

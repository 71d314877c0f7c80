"""Measured plans in the user's cache folder: one file for each machine and model configuration."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import os
import platform
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import torch

from training.networks import generator as networks
from training.user_folders import user_folder
from viz.render.inference.gpu import kernel
from viz.render.inference.plan import Format, Plan

log = logging.getLogger(__name__)

_VERSION = 5
"""Part of the cache file's name: raise it when the stages change."""


def machine() -> dict[str, str]:
    """What the speed of this machine depends on, except for the number of threads: a window and one
    of several parallel processes use different ones, and must give the same pixels."""
    return {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": str(os.cpu_count()),
        "torch": torch.__version__,
    }


def gpu(device: torch.device) -> dict[str, str]:
    """What the speed of a GPU depends on."""
    major, minor = torch.cuda.get_device_capability(device)
    return {
        "gpu": torch.cuda.get_device_name(device),
        "capability": f"{major}.{minor}",
        "torch": torch.__version__,
        "triton": kernel.version(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def key_of(G: networks.Generator) -> str:
    """Everything that a model's plan depends on, as text."""
    found = gpu(G.device) if G.device.type == "cuda" else machine()
    known = {"version": _VERSION, "machine": found, "model": G.config.to_dict()}
    return json.dumps(known, sort_keys=True)


def path_of(key: str) -> Path:
    """The file for a key."""
    folder = user_folder("cache") / "calibration"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def read(path: Path, key: str) -> Plan | None:
    """The plan kept in a file; None if there is none for this key, or the file is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["key"] != key:
            return None
        plan = Plan(**data["plan"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # Only plans that measuring can result in: a file may hold anything.
    formats: tuple[Format, ...] = get_args(Format)
    decoders: tuple[Format, ...] = ("float32", "float16")
    choices = itertools.product(formats, formats, decoders)
    usual = [Plan.of(first, last, rays=rays) for first, last, rays in choices]
    usual += [replace(plan, int8_previews=True) for plan in usual]
    return plan if plan in usual else None


def publish(path: Path, key: str, plan: Plan) -> Plan:
    """Saves a plan and returns it; if another process was first, returns the plan that it saved."""
    text = json.dumps({"key": key, "plan": asdict(plan)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(text)
        try:
            os.link(file.name, path)  # fails if another process has saved one
            return plan
        except OSError:
            other = read(path, key)
            if other is None:  # damaged, or a file system without links
                Path(file.name).replace(path)
            return other or plan
        finally:
            Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        log.info("The measured plan cannot be saved: %s", error)
    return plan

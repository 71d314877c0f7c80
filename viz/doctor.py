"""Checks what this machine has, what works, and how to fix what does not."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.reasons import first_line
from training.terminal import typed_name
from viz.exports.video import encoders
from viz.render.inference.cpu import int8
from viz.state import files
from viz.state.errors import UserError
from viz.state.jobs import finish


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    ok: bool
    text: str
    """The result."""
    mend: str = ""
    """How to fix it; empty if nothing is wrong."""
    needed: bool = True
    """Whether the application cannot run without it."""


def examine() -> list[Finding]:
    """Looks at everything the program depends on; opens a hidden window for a moment."""
    return [
        _python(),
        _torch(),
        _device(),
        pictures(),
        _precision(),
        compiler(),
        _memory(),
        *_window(),
        _checkpoint(),
        _encoders(),
    ]


def report(findings: list[Finding]) -> str:
    """The findings as text, one a line, with what to do below those that need it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        mark = "ok  " if finding.ok else "FAIL" if finding.needed else "note"
        lines.append(f"{mark}  {finding.name:<{width}}  {finding.text}")
        if finding.mend:
            lines.append(f"{'':{width + 8}}-> {finding.mend}")
    broken = [finding.name for finding in findings if finding.needed and not finding.ok]
    if broken:
        lines.append(f"The application cannot run yet: {', '.join(broken)}.")
    else:
        lines.append("The application can run.")
    return "\n".join(lines)


def _python() -> Finding:
    version = platform.python_version()
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    mend = "" if ok else "Install Python 3.11, 3.12 or 3.13 and set the program up with it."
    return Finding("Python", ok, f"{version} on {platform.system()} {platform.machine()}", mend)


def _torch() -> Finding:
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
    return Finding("PyTorch", True, f"{torch.__version__}, {build}, {threads}")


def _device() -> Finding:
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Finding("Device", True, f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    if torch.backends.mps.is_available():
        return Finding("Device", True, f"Apple's GPU (mps), {platform.machine()}")
    mend = "A full-size model takes seconds per picture here. "
    if torch.version.cuda:
        mend += "If there is an NVIDIA GPU, install its driver."
    else:
        mend += "If there is an NVIDIA GPU, install a PyTorch build with CUDA (pytorch.org)."
    return Finding("Device", False, "CPU only", mend, needed=False)


def pictures() -> Finding:
    """Whether the selected device renders what the processor does."""
    from viz.render.inference import device_check
    from viz.render.models import pick_device, random_generator

    try:
        device = pick_device()
        if device.type == "cpu":
            return Finding("Pictures", True, "the CPU, whose pictures other devices must match")
        placed = finish(device_check.place(random_generator(), device, remember=False))
    except (UserError, torch.OutOfMemoryError) as error:
        mend = "Choose another device: --device cpu"
        return Finding("Pictures", False, first_line(error), mend, needed=False)
    if placed.notes:
        mend = "Pictures are still correct; a newer driver or PyTorch may make them faster."
        return Finding("Pictures", False, " ".join(placed.notes), mend, needed=False)
    return Finding("Pictures", True, f"{device} renders what the processor does")


def _precision() -> Finding:
    if torch.cuda.is_available():
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        text = "float32, float16" + (", bfloat16" if bfloat16 else "")
        return Finding("Precision", True, text)
    flags = _cpu_flags()
    units = [name for flag, name in _UNITS.items() if flag in flags]
    text = "float32" + (f", fast bfloat16 by {' and '.join(units)}" if units else "")
    if int8.is_available(torch.device("cpu")):
        text += ", 8-bit integers (VNNI) for previews where they pay"
    return Finding("Precision", True, text)


def compiler() -> Finding:
    """Whether functions can be compiled for this processor."""
    try:
        # A function that was kept from an earlier start does not prove that numba works.
        importlib.import_module("viz.render.inference.cpu.numba_compiler")
        from viz.render.inference.cpu.compiled_functions import compiled_function

        compiled_function("numba_int8:activate")(np.zeros(1, np.uint8), (0, 1))
    except Exception as error:  # numba and LLVM can fail in many ways
        mend = "Without it the processor renders many times as slowly. Install it again: "
        mend += "pip install --force-reinstall numba llvmlite"
        return Finding("Compiler", False, first_line(error), mend, needed=False)
    return Finding("Compiler", True, "numba, for rays and convolutions on the processor")


_UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:  # not Linux
        return set()
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return set(lines[0].split()) if lines else set()


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{memory.total / 1e9:.0f} GB, {memory.available / 1e9:.0f} GB free"
    ok = memory.available > 3 * 10**9
    mend = "" if ok else "A full-size model takes 3 GB: close other programs, or use a small one."
    return Finding("Memory", ok, text, mend, needed=False)


def _window() -> list[Finding]:
    from gui_utils.gl.software import is_software
    from gui_utils.window.imgui_window import DisplayError, Window

    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "the desktop"
    try:
        window = Window("doctor", size=(320, 200), visible=False)
    except DisplayError as error:
        sentence = " ".join(str(error).split())
        mend = f"Without a window, pictures still work: {typed_name()} render --help"
        return [Finding("Window", False, sentence, mend)]
    renderer, scale = window.gl_renderer, window.scale
    window.close()
    software = is_software(renderer)
    mend = "The window is drawn without a GPU: it works, but more slowly." if software else ""
    return [
        Finding("Display", True, f"{display}, scale {scale:g}"),
        Finding("OpenGL", not software, renderer, mend, needed=False),
    ]


def _checkpoint() -> Finding:
    path = files.default_checkpoint()
    if path:
        return Finding("Model", True, f"{Path(path).name}, bundled with the program")
    mend = "checkpoints/README.md says where to get one; until then an untrained model is shown."
    return Finding("Model", False, "no checkpoint in checkpoints/", mend, needed=False)


def _encoders() -> Finding:
    missing = encoders.missing()
    if not missing:
        return Finding("Video", True, "all encoders are available")
    text = f"no encoder for {', '.join(missing)}"
    mend = "Other formats can be exported; PyAV's own wheels have them all: pip install av."
    return Finding("Video", False, text, mend, needed=False)

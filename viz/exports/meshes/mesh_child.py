"""Mesh processing in a separate process: it takes minutes in libraries that can neither be
interrupted nor release the interpreter for other threads.

Run as a script, this file is that process. It imports nothing else of the program, and exchanges
arrays through files in a temporary folder.
"""

# fast-simplification and xatlas have no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]
_POLL_SECONDS = 0.05
_NO_MEMORY = 3


def simplify(arrays: Arrays) -> Arrays:
    """Vertices and faces with at most about `triangles` faces, by edge collapses."""
    import fast_simplification

    found = fast_simplification.simplify(
        arrays["vertices"].astype(np.float64),
        arrays["faces"].astype(np.int32),
        target_count=int(arrays["triangles"]),
    )
    return {"vertices": found[0], "faces": found[1]}


def unwrap(arrays: Arrays) -> Arrays:
    """An atlas: for each new vertex the one it copies, the new faces, and uv in 0..1."""
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(arrays["vertices"].astype(np.float32), arrays["faces"].astype(np.uint32))
    options = xatlas.PackOptions()
    options.resolution = int(arrays["size"])
    options.padding = int(arrays["padding"])
    options.bilinear = True
    atlas.generate(pack_options=options)
    origin, faces, uv = atlas[0]
    return {"origin": origin, "faces": faces, "uv": uv}


TASKS = {"simplify": simplify, "unwrap": unwrap}


def run(task: str, arrays: Arrays) -> Generator[None, None, Arrays]:
    """Steps of a task in another process; closing them ends it.

    Args:
        task: name in TASKS.
        arrays: its input.

    Returns:
        its output.

    Raises:
        MemoryError: when there was too little memory.
        RuntimeError: when it failed otherwise, with the last line it printed.
    """
    with tempfile.TemporaryDirectory(prefix="pv3d-mesh-") as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        _save(source, arrays)
        command = [sys.executable, "-P", __file__, task, str(source), str(target)]
        with (Path(folder) / "errors").open("w+b") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
            try:
                while process.poll() is None:
                    yield
                    time.sleep(_POLL_SECONDS)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        # A system that runs out of memory kills a process with signal 9.
        if process.returncode in (_NO_MEMORY, -9):
            raise MemoryError
        if process.returncode:
            reason = lines[-1] if lines else f"it ended with status {process.returncode}"
            raise RuntimeError(f"The mesh could not be processed ({task}): {reason}")
        with np.load(target) as found:
            return {name: found[name] for name in found.files}


def _save(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType] - no name is allow_pickle


def _main(task: str, source: str, target: str) -> int:
    with np.load(source) as found:
        arrays = {name: found[name] for name in found.files}
    try:
        _save(Path(target), TASKS[task](arrays))
    except MemoryError:
        return _NO_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

"""The application: session state, render worker, panels and exports."""

import os

# Torch's threads otherwise spin while they wait for each other, which takes the cores from the
# interface; on few cores both then crawl. Read when torch is loaded, so it is set before that.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> str:
    """`__version__` of the program, empty where it is not installed; only looked up when asked for,
    as the look-up would delay the window."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import metadata

    try:
        return metadata.version("pv3d-visualizer")
    except metadata.PackageNotFoundError:  # a folder that was not installed
        return ""

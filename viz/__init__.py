"""The application: session state, render worker, panels and exports."""

import os
from importlib import metadata

# Torch's threads otherwise spin while they wait for each other, which takes the cores from the
# interface; on few cores both then crawl. Read when torch is loaded, so it is set before that.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _version() -> str:
    try:
        return metadata.version("pv3d-visualizer")
    except metadata.PackageNotFoundError:  # a folder that was not installed
        return ""


__version__ = _version()
"""Version of the program; empty where it is not installed."""

"""The application: session state, render worker, panels and exports."""

import os

# Torch's threads otherwise spin while they wait for each other, which takes the cores from the
# interface; on few cores both then crawl. Read when torch is loaded, so it is set before that.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

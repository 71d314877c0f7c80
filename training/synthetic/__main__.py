"""`python -m training.synthetic`: see the package's documentation."""

import sys

try:
    import moderngl  # noqa: F401
except ImportError:
    sys.exit('Drawing heads needs the package moderngl: pip install ".[synthetic]"')

from training.synthetic.generate import main
from training.terminal import run_command

if __name__ == "__main__":
    run_command(main)

"""`python -m training.train`."""

from training.terminal import run_command
from training.train.train_command import main

run_command(main)

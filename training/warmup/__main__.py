"""`python -m training.warmup`."""

from training.terminal import run_command
from training.warmup.warmup_command import main

run_command(main)

"""The worker: imports torch, turns requests into pictures, and runs long jobs in between."""

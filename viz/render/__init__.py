"""The worker: owns torch, turns requests into pictures, and runs long jobs beside them."""

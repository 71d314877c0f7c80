"""Supervised training on data with known people, without discriminators."""

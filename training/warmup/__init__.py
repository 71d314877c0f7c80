"""Supervised training on data whose people are known, without discriminators."""

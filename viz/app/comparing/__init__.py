"""Comparing a second model with the one shown."""

"""Figures of how well the views of a moment agree."""

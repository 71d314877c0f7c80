"""Directions that a model has learnt, in the spaces of its codes."""

"""Portraits: a person made from a photo or a video."""

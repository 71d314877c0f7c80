"""Portraits: a person of one's own photo or video."""

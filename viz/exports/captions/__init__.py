"""Captions and names on pictures, in the computer's fonts."""

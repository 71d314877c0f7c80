"""The clip and the path below the picture."""

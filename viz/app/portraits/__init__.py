"""People from photos, in the window."""

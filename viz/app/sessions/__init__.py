"""Sessions in files: saved by the user, and automatically."""

"""Videos and moving pictures."""

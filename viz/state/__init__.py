"""Values and pure functions: what is shown, how it is saved, undone and animated. No torch."""

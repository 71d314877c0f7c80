"""What changes the state over time: paths, playback, blending, wandering."""

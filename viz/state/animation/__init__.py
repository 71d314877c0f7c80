"""What changes the state by itself: paths, playback, blending, wandering."""

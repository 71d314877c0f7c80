"""What drives a person in place of the clip: a motion track, or somebody in front of a camera."""

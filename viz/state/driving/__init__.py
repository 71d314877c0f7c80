"""What drives a person in place of the clip: a motion track, or a face in front of a camera."""

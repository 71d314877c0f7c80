"""A face in front of a camera drives the motion of a person, in real time."""

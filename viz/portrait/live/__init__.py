"""Driving the motion of a person with a face in front of a camera, in real time."""

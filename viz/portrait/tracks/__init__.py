"""Motion tracks: how the face in a video moves, frame by frame, for use with any person of a
model."""

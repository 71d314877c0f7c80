"""Motion tracks: how the face of a video moves, frame by frame, for any person of a model."""

"""From landmarks to the camera and the crop that a generator was trained with."""

"""Pictures and meshes, and the mouse gestures that move the camera."""

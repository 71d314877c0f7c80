"""Pictures and meshes, and the mouse that moves the camera."""

"""The window and its OpenGL context."""

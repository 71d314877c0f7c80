"""Textures and meshes drawn with OpenGL."""

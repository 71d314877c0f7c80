"""Meshes, point clouds and volumes."""

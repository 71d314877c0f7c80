"""Faces in pictures: detection, landmarks and segmentation."""

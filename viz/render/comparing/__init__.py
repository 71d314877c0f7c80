"""Rendering two models for one picture, and measuring how they differ."""

"""Portraits: people made from photos, and motion tracks made from videos."""

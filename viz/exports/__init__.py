"""Exports: pictures, videos and geometry, each with the session that made it."""

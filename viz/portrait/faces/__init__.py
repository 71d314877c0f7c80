"""Faces in pictures: where they are, their landmarks, and what is behind them."""

"""The camera in the window: its picture, its indicator, and what it drives."""

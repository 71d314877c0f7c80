"""The camera in the window: what it sees, its sign, and what it drives."""

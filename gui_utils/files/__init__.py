"""Dialogs that choose files: the desktop's, or a browser drawn in the window."""

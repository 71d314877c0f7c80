"""What lies over the window: dialogs, notices, and a list to search."""

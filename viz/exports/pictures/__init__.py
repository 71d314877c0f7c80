"""Pictures and numbered frames."""

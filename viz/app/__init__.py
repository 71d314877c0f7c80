"""The window: its loop, commands, panels, viewport and timeline."""

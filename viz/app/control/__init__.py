"""Live control: MIDI, OSC, gamepads and keys that change settings and run commands."""

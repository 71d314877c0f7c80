"""Live control: MIDI, OSC, gamepads and keys that move settings and give commands."""

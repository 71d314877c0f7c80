"""Words on pictures, in the fonts that the computer has."""

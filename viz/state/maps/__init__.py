"""Maps: numbers of each pixel, shown as colours."""

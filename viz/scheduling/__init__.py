"""Which pictures are asked for: previews while something moves, the full one at rest."""

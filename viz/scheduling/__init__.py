"""Which pictures are requested: previews while something moves, the full one at rest."""

"""Small pictures to choose from: people, motions, favourites and what was seen."""

"""Small pictures to choose from: people, motions, favourites and the history."""

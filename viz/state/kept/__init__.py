"""What the user finds and keeps: favourites, what was looked at, and people near others."""

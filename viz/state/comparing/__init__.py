"""Two models side by side: what is compared, what they cannot share, and how they differ."""

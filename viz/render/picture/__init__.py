"""From one request to its pixels, stage by stage."""

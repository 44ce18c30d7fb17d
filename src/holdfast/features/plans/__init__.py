"""Plans: what is backed up when, where to, and how long it is kept."""

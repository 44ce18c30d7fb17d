"""Drills: a snapshot is brought back on a scratch server, asked what its owner wants to know, and timed."""

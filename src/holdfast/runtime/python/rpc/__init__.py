"""Calls between workers that carry functions, objects and streams: sessions, and both their ends."""

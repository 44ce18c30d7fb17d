"""Retention: which snapshots are kept, which go, and why."""

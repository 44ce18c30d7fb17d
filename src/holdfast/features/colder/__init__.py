"""Colder storage classes for what only old snapshots need, and what it all saves."""

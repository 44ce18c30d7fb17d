"""Databases: created, found, queried, started, stopped, deleted and brought back; one slice for every engine."""

"""Bytes, entries and snapshots: a restic repository and the pipeline that fills it. Knows no engine."""

"""Backups: repositories, snapshots, their verification, browsing and restore; one slice for every engine."""

"""Snapshots as one file each that stock tools open: made for downloads, and kept in plain-file repositories."""

"""Snapshots as single files: signed downloads, and dumps that come in as snapshots."""

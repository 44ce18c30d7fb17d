"""Dumps that other tools made, taken in as snapshots."""

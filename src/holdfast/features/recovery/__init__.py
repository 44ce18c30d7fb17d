"""Snapshots of Holdfast itself, and a whole server built again from one of them."""

"""Holdfast: databases provisioned, queried, backed up, verified and restored on your own server."""

__version__ = "0.1.0"

"""Rows and tables without writing SQL."""

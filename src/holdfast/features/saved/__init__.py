"""Saved queries of a database, their history, and templates."""

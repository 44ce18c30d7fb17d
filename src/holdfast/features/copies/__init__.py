"""Copies: a living database cloned into a new one, and where each database came from."""

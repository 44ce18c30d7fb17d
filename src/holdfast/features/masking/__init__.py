"""Masking profiles: what is done to a copy of production before anyone may look at it."""

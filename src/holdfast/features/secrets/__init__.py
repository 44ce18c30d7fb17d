"""Secrets people store, the keys that seal them, and the kit that recovers them."""

"""Walls around worker code: namespaces, file views, system-call filters, limits."""

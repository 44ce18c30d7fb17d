"""Custom roles, and who holds which role where."""

"""The dashboard live: signals of what changed, and who else looks at the same page."""

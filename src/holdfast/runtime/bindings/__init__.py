"""What worker code may reach of its state: one socket per version, methods checked against its table."""

"""The seam: what an engine is, and what it may ask of the world. Every power is written once over this."""

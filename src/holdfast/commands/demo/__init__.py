"""`holdfast demo`: a shop made, changed, lost and recovered through the public API; the smoke test too."""

"""Commands that are not about one slice: running Holdfast itself, its health, the demo."""

"""The road from a request on the apps origin to worker code, and the one way out of it."""

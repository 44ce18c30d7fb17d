"""Runs worker code: the edge, the sandbox, the Python host, and the bindings between code and state.

Knows nothing of projects or people: what is to run comes as `LiveVersion` values (`live.py`).
"""

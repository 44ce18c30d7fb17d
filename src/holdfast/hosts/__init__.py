"""Where servers run on this machine, and the tools port. See docs/decisions/0007-keeper-and-launcher.md.

It imports nothing: the keeper takes what it supervises with, and stays a small process.
"""

"""Measurements against the peers, side by side. `make bench` runs all; `python -m bench NAME` runs one."""

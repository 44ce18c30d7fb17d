"""Speaking HTTP: what every slice's `api.py` uses, and the guards every request passes. Knows no slice."""

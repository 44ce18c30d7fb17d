"""Alerts: who is told what happened, and what did not happen."""

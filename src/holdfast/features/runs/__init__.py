"""Runs as people read them: lists, logs, live progress, cancel."""

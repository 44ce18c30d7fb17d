"""What everything stands on: clock, ids, errors, settings, log, crypto, metadata database. Imports nothing of ours."""

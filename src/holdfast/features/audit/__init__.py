"""The audit log as people use it: read, followed, verified, exported, erased from."""

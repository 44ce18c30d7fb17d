"""`holdfast dev`: a worker on this machine alone, in the real pool, sandbox and bindings, on local data."""

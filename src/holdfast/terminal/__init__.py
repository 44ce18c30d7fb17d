"""What every command shares: options, name lookup, tables, progress, errors. Knows the client, no feature."""

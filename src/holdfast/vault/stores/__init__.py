"""Where a repository's files lie. One protocol, one conformance suite, drivers that stay naive."""

"""The only way out of a sandbox: a proxy with a socket per version, its own list of hosts, and every address judged."""

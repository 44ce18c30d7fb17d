"""What runs inside a sandbox: the HTTP server, the user's module, and Cloudflare's Python API on CPython."""

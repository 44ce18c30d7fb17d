"""Inside the sandbox: the `workers` module on CPython and the server that answers for it."""

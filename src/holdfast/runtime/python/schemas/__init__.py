"""JSON Schema inside the sandbox: a request is looked at before the worker's code hears of it. Standard library only."""

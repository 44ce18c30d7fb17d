"""JSON Schema inside the sandbox: requests are looked at before the worker's code hears of them."""

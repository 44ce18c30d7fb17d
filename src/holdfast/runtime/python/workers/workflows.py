"""`workers.workflows`."""

from holdfast.runtime.python.workers.entrypoints import NonRetryableError

__all__ = ["NonRetryableError"]

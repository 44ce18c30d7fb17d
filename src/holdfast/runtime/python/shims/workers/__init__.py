"""`workers`, as a worker imports it."""

from holdfast.runtime.python import workers as _workers
from holdfast.runtime.python.workers import *  # noqa: F403

__all__ = _workers.__all__

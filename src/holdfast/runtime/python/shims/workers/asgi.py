"""`workers.asgi`."""

import sys

from holdfast.runtime.python.workers import asgi

sys.modules[__name__] = asgi

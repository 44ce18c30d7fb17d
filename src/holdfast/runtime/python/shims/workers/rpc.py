"""`workers.rpc`."""

import sys

from holdfast.runtime.python.workers import rpc

sys.modules[__name__] = rpc

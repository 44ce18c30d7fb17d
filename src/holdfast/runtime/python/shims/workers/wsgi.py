"""`workers.wsgi`."""

import sys

from holdfast.runtime.python.workers import wsgi

sys.modules[__name__] = wsgi

"""`import wsgi`, as Cloudflare's older examples have it; a module of the worker's own with that name comes first."""

import sys

from holdfast.runtime.python.workers import wsgi

sys.modules[__name__] = wsgi

"""`workers.workflows`."""

import sys

from holdfast.runtime.python.workers import workflows

sys.modules[__name__] = workflows

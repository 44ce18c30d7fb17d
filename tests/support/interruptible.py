"""The program for tests that interrupt it: where they run in the background themselves, an interrupt is ignored."""

from __future__ import annotations

import sys

HOLDFAST = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom holdfast.cli import main; main()\n",
]

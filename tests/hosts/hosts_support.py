"""Looking at the machine from outside, for the tests of hosts."""

from __future__ import annotations

import os
import time
from pathlib import Path


def processes_naming(text: str) -> list[int]:
    """Living processes whose command line holds `text`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if text.encode() in line and state != "Z":
                found.append(int(entry))
    return found


def eventually(check: object, seconds: float = 60.0) -> None:
    """Wait until `check()` is true, or fail."""
    assert callable(check)
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)

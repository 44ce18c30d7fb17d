"""Tries the in-process walls once and ends: `python -I -S start.py probe <1 as root, else 0>`."""

from __future__ import annotations

import json
import os
import sys

from holdfast.runtime.sandbox import syscalls, walls, zygote


def main(root: bool) -> None:
    """Writes {"refusal": null, or what the kernel said} to standard output."""
    refusal: str | None = None
    try:
        syscalls.machine()
        zygote.apart(root=root)
        walls.template({"links": {}, "visible": [], "empty": []})
        if not root:
            walls.alone(os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        if not hasattr(os, "pidfd_open"):
            refusal = "this Python has no pidfd_open"
    except OSError as error:
        refusal = str(error)
    sys.stdout.write(json.dumps({"refusal": refusal}))

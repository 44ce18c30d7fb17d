"""How many files and connections a process of ours may have open."""

from __future__ import annotations

import resource

_WANTED = 65_536


def raise_limit() -> int:
    """Raise this process' limit as far as it may, to 65536 at most; the limit in force afterwards.

    Most systems begin with 1024: a handful of tenants' workers that hold connections would then take a process that
    serves all of them out of service for everybody.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft

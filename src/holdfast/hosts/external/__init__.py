"""Servers and files that are not ours: checked, pinned, tunnelled, encrypted (docs/decisions/0012)."""

from holdfast.hosts.external.record import Ssh, Tls, Where
from holdfast.hosts.external.service import Line, Lines

__all__ = ["Line", "Lines", "Ssh", "Tls", "Where"]

"""Where servers run on this machine, and the tools port. See docs/decisions/0007-keeper-and-launcher.md."""

from holdfast.hosts.servers import ServerStatus
from holdfast.hosts.service import Hosts

__all__ = ["Hosts", "ServerStatus"]

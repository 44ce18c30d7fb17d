"""Where a directory on an SFTP server is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.kernel.outbound_url import Refused, Target, target_of
from holdfast.vault.stores.place import check_prefix, wrong

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_PATH = re.compile(r"(/[A-Za-z0-9._~ +=@,-]+)*")


@dataclass(frozen=True)
class SftpPlace:
    """`path`: absolute, as the login sees it ("" = its root); it must be there. `prefix`: the repository's own part
    below it, made when it is not there. `host_key`: the server's public key, "" while nobody has confirmed one.

    Raises Invalid naming the field that is wrong.
    """

    host: str
    user: str
    path: str
    prefix: str = ""
    port: int = 22
    host_key: str = ""

    def __post_init__(self) -> None:
        if not _USER.fullmatch(self.user):
            raise wrong("user", "letters, digits and ._@- only, at most 64")
        if not _PATH.fullmatch(self.path.rstrip("/")) or {".", ".."} & set(self.path.split("/")):
            raise wrong("path", "an absolute path such as /srv/backups, without '..' and odd characters")
        if not 0 < self.port < 65536:
            raise wrong("port", "1 to 65535")
        check_prefix(self.prefix)
        try:
            found = self.target
        except Refused as error:
            raise wrong("host", error.message) from None
        if found.host != self.host.strip("[]").lower():
            raise wrong("host", "the name or the address of a server, nothing around it")

    @property
    def root(self) -> str:
        """Absolute, without a slash at its end."""
        return self.path.rstrip("/") + (f"/{self.prefix}" if self.prefix else "")

    @property
    def target(self) -> Target:
        host = f"[{self.host.strip('[]')}]" if ":" in self.host else self.host
        return target_of(f"https://{host}:{self.port}")

    @property
    def location(self) -> str:
        """With the user: each may have a root of its own."""
        return f"sftp://{self.user}@{self.target.host}:{self.port}{self.root}"

    def restic(self) -> str:
        """What stock restic takes as -r; it logs in through this user's own `ssh`. Two slashes: an absolute path."""
        host = f"[{self.target.host}]" if ":" in self.target.host else self.target.host
        return f"sftp://{self.user}@{host}:{self.port}/{self.root}"

"""Which hosts a version may reach: `Permits.network`."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.kernel.outbound_url import Refused, Target, target_of

_MAIL = 25  # nobody's worker needs it, and everybody's spam does


class Permitted:
    """`example.org`, `*.example.org` (any depth below, not itself), or `*` for any public host. Anything else in the
    list permits nothing."""

    def __init__(self, network: Iterable[str]) -> None:
        listed = {each.strip().lower() for each in network}
        self._all = "*" in listed
        names = {each.rstrip(".") for each in listed} - {"*"}  # "*." is not everything
        self._exact = frozenset(names)
        self._below = tuple(each[1:] for each in names if each.startswith("*."))

    def target(self, scheme: str, authority: str) -> Target:
        """Where a call goes. Raises Refused: no host that can be read in one way, or none of those permitted."""
        found = target_of(f"{scheme}://{authority}/")
        host = found.host.rstrip(".")
        if not (self._all or host in self._exact or host.endswith(self._below)):
            raise Refused(
                f"{host} is not among the hosts that this worker may reach", reason="not_permitted", host=host
            )
        if found.port == _MAIL:
            raise Refused("mail servers are not reached from workers", reason="port", host=host)
        return found

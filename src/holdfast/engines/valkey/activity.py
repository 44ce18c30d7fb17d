"""Clients of one server. Commands run one after the other here, so nobody waits for anybody's lock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from holdfast.contract.activity import Present, Wait
from holdfast.contract.spec import Endpoint
from holdfast.engines.valkey.link import connect
from holdfast.engines.valkey.plan import RULES
from holdfast.kernel.errors import Conflict


class Activities:
    """Implements CanActivity."""

    def sessions(self, at: Endpoint) -> tuple[Present, ...]:
        now = datetime.now(UTC)
        with connect(at) as link:
            own = str(link.command("CLIENT", "ID"))
            text = bytes(link.command("CLIENT", "LIST")).decode(errors="replace")
        clients = [dict(word.partition("=")[::2] for word in line.split(" ")) for line in text.splitlines()]
        return tuple(_present(client, now) for client in clients if client.get("id") != own)

    def waits(self, at: Endpoint) -> tuple[Wait, ...]:  # noqa: ARG002
        return ()

    def cancel(self, at: Endpoint, session: str) -> bool:  # noqa: ARG002
        raise Conflict("a command cannot be cancelled by itself", code="cannot_cancel", hint="End the session instead.")

    def end(self, at: Endpoint, session: str) -> bool:
        found = {each.id: each for each in self.sessions(at)}
        if session not in found or found[session].ours:
            return False
        with connect(at) as link:
            return bool(link.command("CLIENT", "KILL", "ID", session))


def _present(client: dict[str, str], now: datetime) -> Present:
    def ago(name: str) -> datetime:
        return now - timedelta(seconds=int(client.get(name, "0")))

    address = client.get("addr", "").rpartition(":")[0]
    return Present(
        id=client["id"],
        user=client.get("user"),
        application=client.get("name") or client.get("lib-name") or None,
        address="local" if address.startswith("/") else address or None,
        state="blocked" if "b" in client.get("flags", "") else "idle" if int(client.get("idle", "0")) else "active",
        statement=client.get("cmd", "").replace("|", " ").upper() or None,
        since=ago("age"),
        statement_since=ago("idle"),
        ours=client.get("user") == RULES["admin"][0],
    )

"""Opening a database's port to a network, for listed addresses over TLS alone. Closed unless opened."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.contract.front import CanFront
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.connections.certificates import Authority, check_uploaded
from holdfast.features.connections.model import Exposure, exposures
from holdfast.features.connections.reached import Ways, cannot, record
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.service import check_confirm
from holdfast.features.projects import store as projects
from holdfast.hosts.keeper import KeeperClient
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.secrets import Secrets

TOPIC = "door"
KEY = "tls_key"
_MOST_NETWORKS = 100


@dataclass(frozen=True)
class Wanted:
    """`allow`: networks or addresses. `certificate` and `key` in PEM, or "" for one of the installation's authority for
    `names`. `confirm`: the database's name, in production."""

    allow: Sequence[str]
    host: str = "0.0.0.0"  # noqa: S104 - whom it lets in is `allow`'s to say
    port: int = 0
    names: Sequence[str] = ("localhost",)
    certificate: str = ""
    key: str = ""
    confirm: str = ""


class ExposureService:
    """Verbs block; they belong on a thread."""

    def __init__(
        self, ways: Ways, secrets: Secrets, keeper: KeeperClient, clock: Clock, notify: Callable[[str], None]
    ) -> None:
        self._ways = ways
        self._secrets = secrets
        self._keeper = keeper
        self._clock = clock
        self._notify = notify
        self._authority = Authority(secrets)

    def get(self, actor: Actor, database_id: str) -> Exposure:
        """Raises NotFound (code "exposure_not_found") for a database that is closed."""
        with self._ways.db.read() as conn:
            found(conn, actor, database_id, "database.read")
            there = stored(conn, database_id)
        if there is None:
            raise no_such("exposure")
        return there

    def authority(self) -> str:
        """The certificate clients trust, in PEM; "" while no door was ever opened."""
        with self._ways.db.read() as conn:
            return self._authority.certificate(conn)

    def open(self, actor: Actor, database_id: str, wanted: Wanted) -> Exposure:
        """Open it, or change how it is open. Raises Conflict (code "port_in_use", "not_offered"), Invalid."""
        with self._ways.db.read() as conn:
            resource = found(conn, actor, database_id, "database.expose")
            actor.require_step_up()
            environment = projects.environment(conn, resource.environment_id)
        if environment is not None and environment.kind == "production":
            check_confirm(resource, wanted.confirm)
        self._require_possible(resource)
        allow, names = checked_networks(wanted.allow), _checked_names(wanted.names)
        if wanted.certificate:
            check_uploaded(wanted.certificate, wanted.key, self._clock.now())
        with self._keeper.listen(resource.id, _checked_host(wanted.host), wanted.port) as door:
            port = int(door.getsockname()[1])
        try:
            made = self._store(actor, resource, wanted, port, allow, names)
        except BaseException:
            self._keeper.unlisten(resource.id)
            raise
        self._notify(f"{TOPIC}:{resource.id}")
        return made

    def close(self, actor: Actor, database_id: str) -> None:
        """Its connections end. Closed already is success."""
        with self._ways.db.write() as conn:
            resource = found(conn, actor, database_id, "database.expose")
            if stored(conn, database_id) is not None:
                conn.execute(exposures.delete().where(exposures.c.resource_id == database_id))
                record(conn, actor.id, "database.unexpose", resource, {})
        self._keeper.unlisten(database_id)
        self._notify(f"{TOPIC}:{database_id}")

    def _store(
        self, actor: Actor, resource: Resource, wanted: Wanted, port: int, allow: list[str], names: list[str]
    ) -> Exposure:
        now = self._clock.now()
        with self._ways.db.write() as conn:
            before = stored(conn, resource.id)
            chain, key = wanted.certificate, wanted.key
            if not chain:
                chain, key = self._authority.issue(conn, names, now)
            log.register_secret(key)
            self._secrets.put(conn, resource.environment_id, resource.id, KEY, key)
            made = Exposure(
                resource_id=resource.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                host=wanted.host,
                port=port,
                allow=allow,
                names=names,
                certificate=chain,
                uploaded=bool(wanted.certificate),
                created_by=actor.id,
                created_at=now,
                version=1 if before is None else before.version + 1,
            )
            conn.execute(exposures.delete().where(exposures.c.resource_id == resource.id))
            conn.execute(exposures.insert().values(**asdict(made)))
            details = {"host": made.host, "port": port, "allow": allow, "uploaded": made.uploaded}
            record(conn, actor.id, "database.expose", resource, details)
        return made

    def _require_possible(self, resource: Resource) -> None:
        engine = self._ways.reach.engine(resource)
        at = self._ways.reach.endpoint(resource)
        if not isinstance(engine, CanFront) or not at.port:
            raise cannot(engine, "port to open", "Use the API, or holdfast db query.")
        if resource.host == "external":
            raise Conflict("this database runs elsewhere: its own server opens its ports", code="not_offered")


def stored(conn: sa.Connection, resource_id: str) -> Exposure | None:
    row = conn.execute(sa.select(exposures).where(exposures.c.resource_id == resource_id)).first()
    return None if row is None else Exposure(**row._mapping)


def every(conn: sa.Connection) -> list[Exposure]:
    return [Exposure(**row._mapping) for row in conn.execute(sa.select(exposures))]


def forget(conn: sa.Connection, resource_id: str) -> None:
    """Of a database that was purged; its door closes when the api looks next."""
    conn.execute(exposures.delete().where(exposures.c.resource_id == resource_id))


def checked_networks(given: Sequence[str]) -> list[str]:
    """Networks as they are meant: 10.0.0.0/8, or one address. Raises Invalid (code "allow_invalid")."""
    if not 1 <= len(given) <= _MOST_NETWORKS:
        raise _wrong("allow", f"1 to {_MOST_NETWORKS} networks", "allow_invalid")
    made = []
    for text in given:
        try:
            made.append(str(ipaddress.ip_network(text.strip(), strict=True)))
        except ValueError as error:
            raise _wrong("allow", str(error)[:200], "allow_invalid") from None
    return made


def allowed(networks: Sequence[Any], address: str) -> bool:
    """Whether one of `networks` (parsed) holds the address; an IPv4 address inside IPv6 counts as what it is."""
    try:
        found_address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found_address, "ipv4_mapped", None)
    actual = mapped or found_address
    return any(actual.version == each.version and actual in each for each in networks)


def _checked_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise _wrong("host", "an address of this machine, or 0.0.0.0", "host_invalid") from None


def _checked_names(names: Sequence[str]) -> list[str]:
    good = [name for name in names if name.isascii() and 0 < len(name) <= 253 and not set(name) - _NAME]
    if not 1 <= len(names) <= 20 or len(good) != len(names):
        raise _wrong("names", "1 to 20 host names or addresses", "names_invalid")
    return list(names)


_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*")


def _wrong(field: str, message: str, code: str) -> Invalid:
    return Invalid(f"{field}: {message}", code=code, details={"fields": [{"field": field, "message": message}]})

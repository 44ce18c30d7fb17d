"""An endpoint as stored with its resource: everything but the passwords."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.contract.spec import Endpoint, Role


def endpoint_to_json(endpoint: Endpoint) -> dict[str, Any]:
    """Plain values; `secrets` stays behind."""
    return {
        "path": _text(endpoint.path),
        "sockets": _text(endpoint.sockets),
        "host": endpoint.host,
        "port": endpoint.port,
        "database": endpoint.database,
        "roles": {access: [role.user, role.secret] for access, role in endpoint.roles.items()},
        "software": _text(endpoint.software),
        "beside": endpoint.beside,
        **({} if endpoint.hosted else _foreign(endpoint)),
    }


def _foreign(endpoint: Endpoint) -> dict[str, Any]:
    return {"hosted": False, "maintenance": endpoint.maintenance, "tls": endpoint.tls}


def endpoint_from_json(stored: Mapping[str, Any], secrets: Mapping[str, str]) -> Endpoint:
    """Inverse, with the passwords read just now."""
    return Endpoint(
        path=_path(stored.get("path")),
        sockets=_path(stored.get("sockets")),
        host=stored.get("host"),
        port=stored.get("port"),
        database=stored.get("database"),
        roles={access: Role(user, secret) for access, (user, secret) in stored.get("roles", {}).items()},
        secrets=dict(secrets),
        software=_path(stored.get("software")),
        beside=stored.get("beside"),
        hosted=stored.get("hosted", True),
        maintenance=stored.get("maintenance"),
        tls=stored.get("tls"),
    )


def public_endpoint(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a listing shows: where it listens, no path of this machine."""
    if stored is None:
        return None
    return {"host": stored.get("host"), "port": stored.get("port"), "database": stored.get("database")}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)

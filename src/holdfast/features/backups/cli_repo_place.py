"""What `repo add` is told of where a repository lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.terminal.failure import Usage

Kind = Annotated[
    Literal["local", "s3", "gcs", "azure", "sftp"],
    typer.Option("--kind", help="On this machine's disk, in a bucket, or in a directory on an SFTP server."),
]
Place = Annotated[
    str | None,
    typer.Option("--path", metavar="DIR", help="Absolute. Of local: else its own; of sftp: it must be there already."),
]
Endpoint = Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="https://host[:port]; needed for s3.")]
Bucket = Annotated[str | None, typer.Option("--bucket", help="Of s3 and gcs. It must be there already.")]
Account = Annotated[str | None, typer.Option("--account", help="The storage account, of azure.")]
Container = Annotated[str | None, typer.Option("--container", help="Of azure. It must be there already.")]
Login = Annotated[str | None, typer.Option("--login", metavar="USER@HOST[:PORT]", help="Of sftp.")]
HostKey = Annotated[str | None, typer.Option("--host-key", metavar="KEY", help="The SFTP server's; asked for else.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="The repository's own part of the place.")]
Region = Annotated[
    str | None, typer.Option("--region", help="Of s3, as the store calls it; R2: auto.", show_default="us-east-1")
]
VirtualHost = Annotated[
    bool, typer.Option("--virtual-host", help="Of s3: the bucket is in the host's name, not in the path.")
]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="The endpoint is plain http.")]
Authority = Annotated[
    Path | None, typer.Option("--ca", exists=True, dir_okay=False, help="PEM of an authority of your own.")
]
ObjectLock = Annotated[
    Literal["governance", "compliance"] | None,
    typer.Option("--object-lock", help="Of s3: pieces are locked against change and deletion."),
]
ObjectLockDays = Annotated[
    int | None, typer.Option("--object-lock-days", min=14, help="For how long; renewed while they are needed.")
]
OnlyEnv = Annotated[
    str | None, typer.Option("--only-env", metavar="ENVIRONMENT", help="Snapshots of this environment only.")
]
Default = Annotated[bool, typer.Option("--default", help="Snapshots go there unless they name another repository.")]

_EVERY = {"prefix", "endpoint", "allow_http", "ca"}
_FIELDS: Mapping[str, set[str]] = {
    "local": {"path"},
    "s3": _EVERY | {"bucket", "region", "path_style", "object_lock", "object_lock_days"},
    "gcs": _EVERY | {"bucket"},
    "azure": _EVERY | {"account", "container"},
    "sftp": {"prefix", "host", "port", "user", "path", "host_key"},
}
_AS_SAID = (
    "endpoint", "bucket", "account", "container", "path", "host_key", "prefix", "region", "object_lock",
    "object_lock_days",
)  # fmt: skip
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "s3": ("endpoint", "bucket"),
    "gcs": ("bucket",),
    "azure": ("account", "container"),
    "sftp": ("host", "user", "path"),
}


def place_of(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """By the names of the API, from the parameters of the command. Raises Usage."""
    place = {name: said[name] for name in _AS_SAID}
    place |= {
        "path_style": False if said["virtual_host"] else None,
        "allow_http": said["allow_http"] or None,
        "ca": said["ca"].read_text(encoding="ascii", errors="replace") if said["ca"] else None,
        **login_fields(said["login"]),
    }
    given = {name: value for name, value in place.items() if value is not None}
    require_fields(kind, given)
    return given


def require_fields(kind: str, given: Mapping[str, Any]) -> None:
    """Raises Usage naming the options that are missing, or that mean nothing for this kind."""
    if odd := sorted(set(given) - _FIELDS[kind]):
        raise Usage(
            f"{', '.join(dict.fromkeys(map(_option, odd)))}: not for a repository of kind {kind}",
            hint="--help says which are",
        )
    if missing := [name for name in _NEEDED[kind] if not given.get(name)]:
        raise Usage(
            f"where does it lie? {' and '.join(dict.fromkeys(map(_option, missing)))}: missing",
            hint="--help has examples",
        )


def login_fields(login: str | None) -> dict[str, Any]:
    """`user@host`, `user@host:2222` or `user@[::1]:2222` by the names of the API. Raises Usage."""
    if login is None:
        return {}
    user, at, where = login.rpartition("@")
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", where)
    if not user or not at or found is None:
        raise Usage(f"--login takes USER@HOST or USER@HOST:PORT, not {login!r}")
    made: dict[str, Any] = {"user": user, "host": found[1].strip("[]")}
    return made | ({"port": int(found[2])} if found[2] else {})


def _option(name: str) -> str:
    named = {"path_style": "--virtual-host", "host": "--login", "user": "--login", "port": "--login"}
    return named.get(name, f"--{name.replace('_', '-')}")

"""What the host in a sandbox is told at its start."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from holdfast.kernel.errors import Retryable
from holdfast.runtime.live import LiveVersion


def payload(version: LiveVersion, secrets: dict[str, str], standby: Sequence[str] | None = None) -> bytes:
    """JSON, with the targets of bindings without the paths of files, which it has no business to know. `standby`: it is
    to import these modules and wait.

    Raises Retryable when a secret has no value: it was deleted a moment ago.
    """
    if missing := sorted(set(version.secrets) - set(secrets)):
        raise Retryable(f"no value for the secret {missing[0]}", code="secret_missing")
    return json.dumps(
        {
            "version": {
                "id": version.id,
                "number": version.number,
                "tag": version.tag,
                "created_at": version.created_at,
                "worker": version.worker,
                "token": version.token,
            },
            "main": version.main,
            "compatibility_date": version.compatibility_date,
            "flags": list(version.flags),
            "vars": dict(version.vars),
            "secrets": {name: secrets[name] for name in version.secrets},
            "bindings": [
                {"name": one.name, "kind": one.kind, "target": {k: v for k, v in one.target.items() if k != "path"}}
                for one in version.bindings
            ],
            "limits": asdict(version.limits),
            "permits": asdict(version.permits),
            "crons": list(version.crons),
            "routes": list(version.routes),
            "answers": version.answers,
            "schemas": dict(version.schemas),
            "standby": None if standby is None else list(standby),
        }
    ).encode()

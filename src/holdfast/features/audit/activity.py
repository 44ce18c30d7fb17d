"""The audit log told as sentences: who did what to which thing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.features.access.model import api_keys, users
from holdfast.features.audit.store import AuditEvent

_PAST = {
    "create": "created",
    "update": "changed",
    "delete": "deleted",
    "undelete": "brought back",
    "deploy": "deployed",
    "put": "set",
    "purge": "purged",
    "start": "started",
    "stop": "stopped",
    "restore": "restored",
    "verify": "verified",
    "revoke": "revoked",
    "rotate": "rotated",
    "reveal": "saw",
    "check": "checked",
    "cancel": "cancelled",
    "export": "exported",
    "erase": "erased",
    "denied": "was refused",
    "done": "finished",
    "failed": "could not finish",
    "read": "read",
    "download": "downloaded",
    "write": "wrote to",
    "link": "made a link for",
    "step_up": "typed the password again in",
    "begin": "began",
    "add": "added",
    "remove": "removed",
    "invite": "invited",
    "uninvite": "took back the invitation of",
    "accept": "accepted",
    "disable": "disabled",
    "enable": "enabled",
    "reset": "reset",
    "reuse": "was caught using again",
    "use": "used",
    "cloned": "cloned",
    "require": "set the rule for",
    "unlink": "unlinked",
    "revoke_others": "ended the other",
    "sessions_end": "ended the sessions of",
    "rotate_keys": "rotated the keys of",
    "clear": "cleared",
    "set": "set",
    "grant": "gave",
    "apply": "applied",
    "rollback": "rolled back",
    "rehearse": "rehearsed",
    "test": "tested",
    "run": "began",
    "acknowledge": "acknowledged",
    "mute": "muted",
    "resolve": "resolved",
    "replay": "sent again",
    "clone": "cloned",
    "import": "imported into",
    "query": "asked",
    "forget": "forgot",
    "tag": "tagged",
    "rows": "looked at rows of",
    "plan": "planned",
    "expose": "opened to the outside",
    "unexpose": "closed to the outside",
    "take": "took back",
    "move": "began to move",
    "detach": "detached",
    "default": "made the default",
    "prices": "set the prices of",
    "aims": "set the aims of",
    "complete": "completed",
    "credential": "changed the credential of",
    "destroy": "destroyed",
    "report": "looked at",
    "abandoned": "gave up",
    "open": "opened",
    "close": "closed",
    "recover": "recovered",
    "expire": "let run out",
    "file_policy": "set what may leave of",
    "file_key": "chose the file key of",
    "deletes": "set who may delete in",
    "kill": "ended",
    "snapshot": "took a snapshot of",
    "copy": "copied",
    "gc": "collected garbage in",
    "repair": "repaired",
    "usage": "counted what is in",
    "adopt": "took in",
    "maintain": "maintained",
    "upgrade": "upgraded",
    "resize": "resized",
}

_OTHERWISE = {  # whole actions whose verb and noun would say something else
    "kv.create": ("created", "key-value namespace"),
    "kv.delete": ("deleted", "key-value namespace"),
    "kv.put": ("wrote keys of", "key-value namespace"),
    "kv.remove": ("removed keys of", "key-value namespace"),
    "worker.cron.run": ("ran a cron of", "worker"),
    "worker.rollback": ("rolled back", "worker"),
    "worker.version.create": ("uploaded a version of", "worker"),
}


@dataclass(frozen=True)
class Activity:
    """`kind` is the verb, for filters and icons; `sentence` is for people."""

    event: AuditEvent
    actor_name: str
    kind: str
    sentence: str


def told(events: Sequence[AuditEvent], names: Mapping[str, str]) -> list[Activity]:
    return [_told(event, names.get(event.actor, event.actor)) for event in events]


def _told(event: AuditEvent, who: str) -> Activity:
    noun, _, rest = event.action.partition(".")
    verb = rest.rpartition(".")[2] or noun
    inner = rest.rpartition(".")[0].replace(".", " ").replace("_", " ")
    thing = " ".join(filter(None, (noun.replace("_", " "), inner)))
    name = event.details.get("name") or event.details.get("target") or event.resource_id
    past = _PAST.get(verb, verb.replace("_", " "))
    past, thing = _OTHERWISE.get(event.action, (past, thing))
    words = [who, past, thing, str(name)] if isinstance(name, str) else [who, past, thing]
    if event.outcome == "denied":
        words = [who, "was refused", str(event.details.get("permission") or event.details.get("code") or thing)]
    elif event.outcome == "failed" and verb != "failed":
        words = [who, "failed:", verb.replace("_", " "), thing]
    return Activity(event, who, verb, " ".join(words))


def actor_names(conn: sa.Connection, actors: Collection[str]) -> dict[str, str]:
    """Two statements, whatever the number. Who is no longer known keeps the id."""
    wanted = sorted(set(actors))
    people = conn.execute(sa.select(users.c.id, users.c.email).where(users.c.id.in_(wanted)))
    keys = conn.execute(sa.select(api_keys.c.id, api_keys.c.name).where(api_keys.c.id.in_(wanted)))
    found = {row.id: row.email for row in people} | {row.id: f"key {row.name}" for row in keys}
    system = {"system": "Holdfast", "anonymous": "someone"}
    local = {actor: f"local user {actor.partition(':')[2]}" for actor in wanted if actor.startswith("local:")}
    return {**system, **local, **found}

"""`holdfast worker var`, `secret`, `host` and `key`."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from holdfast.features.workers import acts
from holdfast.features.workers.cli import Name, find
from holdfast.features.workers.cli import app as worker_app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb

variables = noun("var", "Variables of a worker.", "holdfast worker var set shop-api COLOUR red")
secrets = noun("secret", "Secrets of a worker.", "holdfast worker secret put shop-api API_TOKEN")
hosts = noun("host", "Own hosts of a worker.", "holdfast worker host add shop-api api.example.org")
keys = noun("key", "Keys that callers of a worker show.", "holdfast worker key create shop-api partner")
for each in (variables, secrets, hosts, keys):
    worker_app.add_typer(each)
Variable = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _.", show_default=False)]
Host = Annotated[str, typer.Argument(metavar="HOST", help="Such as api.example.org.", show_default=False)]
Key = Annotated[str, typer.Argument(metavar="KEY", help="Its name or id.", show_default=False)]


@verb(variables, "list", "holdfast worker var list shop-api")
def list_vars(ctx: typer.Context, worker: Name) -> None:
    """List what the code finds in `env`, and where it comes from: the nearest wins."""
    t = terminal(ctx)
    t.table(
        t.client.get(f"/workers/{find(t, worker)['id']}/env"),
        {
            "NAME": "name",
            "KIND": "kind",
            "FROM": "level",
            "VALUE": lambda item: "(secret)" if item["kind"] == "secret" else json.dumps(item["value"]),
        },
        empty="No variables yet. Set one: holdfast worker var set WORKER NAME VALUE",
    )


@verb(
    variables,
    "set",
    "holdfast worker var set shop-api COLOUR red\nholdfast worker var set shop-api RETRIES 3 --level env",
)
def set_var(
    ctx: typer.Context,
    *,
    worker: Name,
    name: Variable,
    value: Annotated[str, typer.Argument(help="JSON, else text.")],
    level: Annotated[str, typer.Option("--level", help="worker, or env or project: of every worker there.")] = "worker",
) -> None:
    """Set a variable; processes that run are started anew with it."""
    t = terminal(ctx)
    try:
        given = json.loads(value)
    except ValueError:
        given = value
    made = t.client.put(_level(t, worker, level) + f"/{quote(name, safe='')}", {"value": given})
    t.answer(made, f"Set {name} of the {made['level']}.")


@verb(variables, "unset", "holdfast worker var unset shop-api COLOUR")
def unset_var(
    ctx: typer.Context,
    worker: Name,
    name: Variable,
    level: Annotated[str, typer.Option("--level", help="worker, env or project.")] = "worker",
) -> None:
    """Forget a variable."""
    t = terminal(ctx)
    t.client.delete(_level(t, worker, level) + f"/{quote(name, safe='')}")
    t.answer({"deleted": name}, f"Forgot {name}.")


def _level(t: Terminal, worker: str, level: str) -> str:
    found = find(t, worker)
    places = {"worker": f"/workers/{found['id']}/vars"}
    places |= {"env": f"/environments/{found['environment_id']}/worker-vars"}
    places |= {"project": f"/projects/{found['project_id']}/worker-vars"}
    if level not in places:
        raise Usage(f"--level is worker, env or project, not {level!r}")
    return places[level]


@verb(secrets, "list", "holdfast worker secret list shop-api")
def list_secrets(ctx: typer.Context, worker: Name) -> None:
    """List a worker's own secrets: names, never values."""
    t = terminal(ctx)
    acts.list_secrets(t, find(t, worker))


@verb(
    secrets,
    "put",
    """
    holdfast worker secret put shop-api API_TOKEN
    pass show api | holdfast worker secret put shop-api API_TOKEN --stdin
    """,
)
def put_secret(
    ctx: typer.Context,
    worker: Name,
    name: Variable,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the value from standard input; one line end at its end is cut off.")
    ] = False,
) -> None:
    """Store a secret. Without --stdin you are asked, and nothing is shown."""
    t = terminal(ctx)
    made = acts.put_secret(t, find(t, worker), name, acts.secret_value(t, stdin))
    t.answer(made, f"Stored {name}, version {made['version']}.")


@verb(secrets, "delete", "holdfast worker secret delete shop-api API_TOKEN --confirm API_TOKEN")
def delete_secret(ctx: typer.Context, worker: Name, name: Variable, confirm: Confirmed = None) -> None:
    """Destroy a secret of a worker."""
    t = terminal(ctx)
    acts.delete_secret(t, find(t, worker), name, confirm)


@verb(hosts, "list", "holdfast worker host list shop-api")
def list_hosts(ctx: typer.Context, worker: Name) -> None:
    """List a worker's own hosts, and what is still to be proven."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/workers/{find(t, worker)['id']}/hosts"),
        {
            "HOST": "host",
            "STATE": lambda item: "proven" if item["verified_at"] else "claimed",
            "TXT RECORD": lambda item: None if item["verified_at"] else f"{item['record_name']} {item['proof']}",
            "LAST ERROR": "error",
        },
        empty="No hosts of its own. Claim one: holdfast worker host add WORKER api.example.org",
    )


@verb(hosts, "add", "holdfast worker host add shop-api api.example.org")
def add_host(ctx: typer.Context, worker: Name, host: Host) -> None:
    """Claim a host; publish the TXT record it prints, then verify."""
    t = terminal(ctx)
    made = t.client.post(f"/workers/{find(t, worker)['id']}/hosts", {"host": host})
    text = f"Publish this record, then: holdfast worker host verify {worker} {made['host']}\n"
    t.answer(made, text + f"{made['record_name']}  TXT  {made['proof']}")


@verb(hosts, "verify", "holdfast worker host verify shop-api api.example.org")
def verify_host(ctx: typer.Context, worker: Name, host: Host) -> None:
    """Look for the TXT record; the host counts from then on."""
    t = terminal(ctx)
    made = t.client.post(f"/worker-hosts/{_host(t, worker, host)['id']}/verify")
    t.answer(made, f"{made['host']} is proven: requests for it reach {output.visible(worker)}.")


@verb(hosts, "remove", "holdfast worker host remove shop-api api.example.org")
def remove_host(ctx: typer.Context, worker: Name, host: Host) -> None:
    """Give a host up."""
    t = terminal(ctx)
    found = _host(t, worker, host)
    t.client.delete(f"/worker-hosts/{found['id']}")
    t.answer({"deleted": found["id"]}, f"Gave up {found['host']}.")


def _host(t: Terminal, worker: str, host: str) -> dict[str, Any]:
    for each in t.client.items(f"/workers/{find(t, worker)['id']}/hosts"):
        if host in (each["host"], each["id"]):
            return each
    raise Usage(f"{host!r} is not claimed", hint=f"claim it: holdfast worker host add {worker} {host}")


@verb(keys, "list", "holdfast worker key list shop-api")
def list_keys(ctx: typer.Context, worker: Name) -> None:
    """List the keys of a worker's callers."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/workers/{find(t, worker)['id']}/keys"),
        {
            "NAME": "name",
            "BEGINS": "shown",
            "EXPIRES": lambda item: output.moment_text(item["expires_at"]) if item["expires_at"] else None,
            "LAST USED": lambda item: output.moment_text(item["last_used_at"]) if item["last_used_at"] else "never",
            "MADE": lambda item: output.moment_text(item["created_at"]),
            "ID": "id",
        },
        empty="No keys yet. Make one: holdfast worker key create WORKER NAME",
    )


@verb(keys, "create", "holdfast worker key create shop-api partner --expires 2027-01-01")
def create_key(
    ctx: typer.Context,
    worker: Name,
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    expires: Annotated[str | None, typer.Option("--expires", metavar="MOMENT", help="A day or time, RFC 3339.")] = None,
) -> None:
    """Make a key and print it, this once. It counts when `protected` is on."""
    t = terminal(ctx)
    body = {"name": name} | ({"expires_at": expires} if expires else {})
    made = t.client.post(f"/workers/{find(t, worker)['id']}/keys", body)
    t.answer(made, str(made["key"]))


@verb(
    keys,
    "rotate",
    "holdfast worker key rotate shop-api partner\nholdfast worker key rotate shop-api partner --overlap 0",
)
def rotate_key(
    ctx: typer.Context,
    worker: Name,
    key: Key,
    overlap: Annotated[
        int, typer.Option("--overlap", metavar="SECONDS", help="So long the text before counts too.")
    ] = 86400,
    expires: Annotated[str | None, typer.Option("--expires", metavar="MOMENT", help="Without: as it was.")] = None,
) -> None:
    """Give a key another text and print it, this once."""
    t = terminal(ctx)
    body: dict[str, Any] = {"overlap_seconds": overlap} | ({"expires_at": expires} if expires else {})
    made = t.client.post(f"/worker-keys/{_key(t, worker, key)['id']}/rotate", body)
    t.answer(made, str(made["key"]))


@verb(keys, "revoke", "holdfast worker key revoke shop-api partner")
def revoke_key(ctx: typer.Context, worker: Name, key: Key) -> None:
    """Refuse a key from now on."""
    t = terminal(ctx)
    found = _key(t, worker, key)
    t.client.delete(f"/worker-keys/{found['id']}")
    t.answer({"revoked": found["id"]}, f"Revoked {output.visible(found['name'])}.")


def _key(t: Terminal, worker: str, key: str) -> dict[str, Any]:
    for each in t.client.items(f"/workers/{find(t, worker)['id']}/keys"):
        if key in (each["name"], each["id"]):
            return each
    raise Usage(f"there is no key {key!r}", hint=f"list them: holdfast worker key list {worker}")

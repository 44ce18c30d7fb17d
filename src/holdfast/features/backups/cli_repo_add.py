"""`holdfast repo add`, `test`, `credential`, `default`: repositories in buckets."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

KeyId = Annotated[str | None, typer.Option("--access-key-id", metavar="ID", help="The key's id; asked for else.")]
FromFile = Annotated[
    Path | None, typer.Option("--secret-from-file", exists=True, dir_okay=False, help="A file that holds the secret.")
]
FromEnv = Annotated[str | None, typer.Option("--secret-from-env", metavar="VARIABLE", help="Where the secret is.")]
TokenEnv = Annotated[
    str | None, typer.Option("--session-token-from-env", metavar="VARIABLE", help="Of a key that ends by itself.")
]
_SIGNS = {"ok": "ok", "missing": "MISSING", "excess": "too much", "note": "note", "unknown": "unknown"}


@verb(
    app,
    "add",
    """
    holdfast repo add vault --kind s3 --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
        --bucket acme-backups --access-key-id AKIA... --secret-from-file secret.txt --default
    holdfast repo add minio --kind s3 --endpoint http://10.0.0.5:9000 --allow-http --bucket backups
    """,
)
def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new repository.")],
    kind: Annotated[Literal["local", "s3"], typer.Option("--kind", help="On this machine's disk, or a bucket.")] = "s3",
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="https://host[:port]")] = None,
    bucket: Annotated[str | None, typer.Option("--bucket", help="It must be there already.")] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="The repository's own part of the bucket.")] = None,
    region: Annotated[str, typer.Option("--region", help="As the store calls it; R2: auto.")] = "us-east-1",
    virtual_host: Annotated[
        bool, typer.Option("--virtual-host", help="The bucket is in the host's name, not in the path.")
    ] = False,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="The endpoint is plain http.")] = False,
    ca: Annotated[
        Path | None, typer.Option("--ca", exists=True, dir_okay=False, help="PEM of an authority of your own.")
    ] = None,
    access_key_id: KeyId = None,
    secret_from_file: FromFile = None,
    secret_from_env: FromEnv = None,
    session_token_from_env: TokenEnv = None,
    only_env: Annotated[
        str | None, typer.Option("--only-env", metavar="ENVIRONMENT", help="Snapshots of this environment only.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Snapshots go there unless they name another repository.")
    ] = False,
) -> None:
    """Add a repository. A bucket's access key is tested first: nothing is kept while it lacks something."""
    t = terminal(ctx)
    body: dict[str, Any] = {"project_id": t.project_of()["id"], "name": name, "kind": kind, "is_default": default}
    if only_env:
        body["environment_id"] = t.environment_of(only_env)["id"]
    if kind == "s3":
        if not endpoint or not bucket:
            raise Usage("where is the bucket?", hint="say --endpoint URL and --bucket NAME")
        body["s3"] = {
            "endpoint": endpoint,
            "bucket": bucket,
            "prefix": prefix,
            "region": region,
            "path_style": not virtual_host,
            "allow_http": allow_http,
            "ca": ca.read_text(encoding="ascii") if ca else None,
            **_credential(access_key_id, secret_from_file, secret_from_env, session_token_from_env),
        }
    made = t.client.post("/repositories", body)
    t.answer(made, f"Added repository {output.visible(name)}: {output.visible(made['path'])}")
    _findings(t, made, only_remarkable=True)


@verb(app, "test", "holdfast repo test vault")
def test(ctx: typer.Context, repository: Name) -> None:
    """Try what a bucket's access key may do; exits 1 when a repository needs more."""
    t = terminal(ctx)
    found = t.repository(repository)
    tested = t.client.post(f"/repositories/{found['id']}/test", {})
    if t.json:
        output.say_json(tested)
    _findings(t, tested)
    if not tested["last_test"]["ok"]:
        raise typer.Exit(1)


@verb(app, "credential", "holdfast repo credential vault --access-key-id AKIA... --secret-from-env NEW_SECRET")
def credential(
    ctx: typer.Context,
    repository: Name,
    *,
    access_key_id: KeyId = None,
    secret_from_file: FromFile = None,
    secret_from_env: FromEnv = None,
    session_token_from_env: TokenEnv = None,
) -> None:
    """Give a repository another access key. It is tested first; until then the old one stays in use."""
    t = terminal(ctx)
    found = t.repository(repository)
    body = _credential(access_key_id, secret_from_file, secret_from_env, session_token_from_env)
    changed = t.client.post(f"/repositories/{found['id']}/credential", body)
    t.answer(changed, f"{output.visible(found['name'])} uses the new key from now on. Take the old one back.")
    _findings(t, changed, only_remarkable=True)


@verb(app, "default", "holdfast repo default vault")
def default_(ctx: typer.Context, repository: Name) -> None:
    """Make it the repository where snapshots go that name none."""
    t = terminal(ctx)
    found = t.repository(repository)
    changed = t.client.post(f"/repositories/{found['id']}/default", {})
    t.answer(changed, f"Snapshots go to {output.visible(found['name'])} unless they name another repository.")


def _credential(key_id: str | None, file: Path | None, variable: str | None, token: str | None) -> dict[str, Any]:
    """A secret comes from a file, a variable, a pipe or a prompt, never from the command line."""
    if file and variable:
        raise Usage("two secrets were given", hint="say --secret-from-file or --secret-from-env")
    found: dict[str, Any] = {"access_key_id": key_id or _asked("Access key id", hide=False)}
    if file:
        found["secret_access_key"] = file.read_text(encoding="utf-8").strip()
    else:
        found["secret_access_key"] = _variable(variable) if variable else _asked("Secret access key", hide=True)
    if token:
        found["session_token"] = _variable(token)
    return found


def _variable(name: str) -> str:
    if not os.environ.get(name):
        raise Usage(f"the variable {name} is not set")
    return os.environ[name]


def _asked(what: str, *, hide: bool) -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline().strip()
        if not line:
            raise Usage(
                f"where is the {what.lower()}?", hint="say --access-key-id and --secret-from-file, or pipe it in"
            )
        return line
    return str(typer.prompt(what, hide_input=hide, err=True))


def _findings(t: Terminal, repository: dict[str, Any], *, only_remarkable: bool = False) -> None:
    """What the test found, to standard error when it is beside the answer."""
    if t.json:
        return
    say = output.note if only_remarkable else output.say
    for found in (repository.get("last_test") or {}).get("findings", []):
        if only_remarkable and found["result"] == "ok":
            continue
        say(f"{_SIGNS[found['result']]:>9}  {found['check']}: {found['message']}")
        if found.get("hint") and found["result"] != "ok":
            say(f"{'':>9}  {found['hint']}")

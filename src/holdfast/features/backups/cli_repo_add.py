"""`holdfast repo add`, `test`, `credential`, `default`: repositories in buckets and on servers."""

# ruff: noqa: ARG001  what says where a repository lies is read from the command's context

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.features.backups.cli_repo_files import (
    FILES,
    Compression,
    Encryption,
    FileKey,
    FileLevel,
    Form,
    Format,
    Recipient,
    Template,
    files_of,
    with_key,
)
from holdfast.features.backups.cli_repo_place import (
    Account,
    AllowHttp,
    Authority,
    Bucket,
    Container,
    Default,
    Endpoint,
    HostKey,
    Kind,
    Login,
    ObjectLock,
    ObjectLockDays,
    OnlyEnv,
    Place,
    Prefix,
    Region,
    VirtualHost,
    place_of,
)
from holdfast.features.backups.cli_repo_secret import Given, credential_of
from holdfast.kernel.errors import Conflict
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

KeyId = Annotated[
    str | None, typer.Option("--access-key-id", metavar="ID", help="Of an S3 access key; asked for else.")
]
FromFile = Annotated[
    Path | None, typer.Option("--secret-from-file", exists=True, dir_okay=False, help="A file that holds the secret.")
]
FromEnv = Annotated[str | None, typer.Option("--secret-from-env", metavar="VARIABLE", help="Where the secret is.")]
TokenEnv = Annotated[
    str | None, typer.Option("--session-token-from-env", metavar="VARIABLE", help="Of an S3 key that ends by itself.")
]
_SIGNS = {
    "ok": "ok",
    "missing": "MISSING",
    "danger": "DANGER",
    "excess": "too much",
    "note": "note",
    "unknown": "unknown",
}


@verb(
    app,
    "add",
    """
    holdfast repo add vault --kind s3 --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
        --bucket acme-backups --access-key-id AKIA... --secret-from-file secret.txt --default
    holdfast repo add vault --kind s3 --endpoint https://s3.example --bucket locked --object-lock compliance \\
        --object-lock-days 30 --access-key-id AKIA... --secret-from-file secret.txt
    holdfast repo add minio --kind s3 --endpoint http://10.0.0.5:9000 --allow-http --bucket backups
    holdfast repo add google --kind gcs --bucket acme-backups --secret-from-file service-account.json
    holdfast repo add azure --kind azure --account acme --container backups --secret-from-file sas.txt
    holdfast repo add nas --kind sftp --login vault@nas.internal --path /srv/backups --secret-from-file id_ed25519
    holdfast repo add dumps --kind local --format plain --compression zstd --encryption age
    """,
)
def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new repository.")],
    kind: Kind = "s3",
    path: Place = None,
    format_: Format = "restic",
    form: Form = None,
    compression: Compression = None,
    level: FileLevel = None,
    encryption: Encryption = None,
    recipient: Recipient = None,
    file_key: FileKey = None,
    template: Template = None,
    endpoint: Endpoint = None,
    bucket: Bucket = None,
    account: Account = None,
    container: Container = None,
    login: Login = None,
    host_key: HostKey = None,
    prefix: Prefix = None,
    region: Region = None,
    virtual_host: VirtualHost = False,
    allow_http: AllowHttp = False,
    ca: Authority = None,
    object_lock: ObjectLock = None,
    object_lock_days: ObjectLockDays = None,
    access_key_id: KeyId = None,
    secret_from_file: FromFile = None,
    secret_from_env: FromEnv = None,
    session_token_from_env: TokenEnv = None,
    only_env: OnlyEnv = None,
    default: Default = False,
) -> None:
    """Add a repository. Its credential is tested first: nothing is kept while it lacks something.

    The secret is an S3 secret access key, a Google service account's key file, an Azure account key or SAS, or an SFTP
    login's private key or password."""
    given = place_of(kind, ctx.params)
    t = terminal(ctx)
    body: dict[str, Any] = {"project_id": t.project_of()["id"], "name": name, "kind": kind, "is_default": default}
    files = with_key(files_of({each: ctx.params[each] for each in FILES}, recipient), file_key)
    body |= {"format": format_} | ({"files": files} if files else {})
    if only_env:
        body["environment_id"] = t.environment_of(only_env)["id"]
    if kind == "local":
        body |= {"path": path} if path else {}
    else:
        secret = Given(access_key_id, secret_from_file, secret_from_env, session_token_from_env)
        body[kind] = given | credential_of(kind, secret)
    made = _made(t, body)
    t.answer(made, f"Added repository {output.visible(name)}: {output.visible(made['path'])}")
    _findings(t, made, only_remarkable=True)


def _made(t: Terminal, body: dict[str, Any]) -> dict[str, Any]:
    """An SFTP server's host key is shown and confirmed by whoever sits here; without a terminal it has to be given."""
    try:
        made: dict[str, Any] = t.client.post("/repositories", body)
    except Conflict as error:
        if error.code != "ssh_host_key_unconfirmed":
            raise
        shown = error.details
        if not sys.stdin.isatty():
            raise Usage(
                error.message, hint=f"compare it with the server's own, then --host-key '{shown['host_key']}'"
            ) from None
        output.note(f"{body['sftp']['host']} shows the host key {shown['fingerprint']}")
        typer.confirm("Is that the server's own?", abort=True, err=True)
        made = t.client.post("/repositories", body | {"sftp": body["sftp"] | {"host_key": shown["host_key"]}})
    return made


@verb(app, "test", "holdfast repo test vault")
def test(ctx: typer.Context, repository: Name) -> None:
    """Try what a bucket's credential may do; exits 1 when a repository needs more, or the bucket would eat it."""
    t = terminal(ctx)
    found = t.repository(repository)
    tested = t.client.post(f"/repositories/{found['id']}/test", {})
    if t.json:
        output.say_json(tested)
    _findings(t, tested)
    report = tested["last_test"]
    if not report["ok"] or any(found["result"] == "danger" for found in report["findings"]):
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
    """Give a repository another credential. It is tested first; until it is found good the old one stays in use."""
    t = terminal(ctx)
    found = t.repository(repository)
    if found["kind"] == "local":
        raise Usage(f"{output.visible(found['name'])} is on this machine's disk: it has no credential")
    given = Given(access_key_id, secret_from_file, secret_from_env, session_token_from_env)
    body = credential_of(found["kind"], given)
    changed = t.client.post(f"/repositories/{found['id']}/credential", body)
    t.answer(changed, f"{output.visible(found['name'])} uses the new credential from now on. Take the old one back.")
    _findings(t, changed, only_remarkable=True)


@verb(app, "default", "holdfast repo default vault")
def default_(ctx: typer.Context, repository: Name) -> None:
    """Make it the repository where snapshots go that name none."""
    t = terminal(ctx)
    found = t.repository(repository)
    changed = t.client.post(f"/repositories/{found['id']}/default", {})
    t.answer(changed, f"Snapshots go to {output.visible(found['name'])} unless they name another repository.")


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

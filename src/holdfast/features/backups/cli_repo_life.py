"""`holdfast repo adopt`, `contents`, `files`, `rotate`, `copy-to`, `deletes`, `detach`, `delete`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.features.backups.cli_repo_add import FromEnv, FromFile, KeyId, TokenEnv
from holdfast.features.backups.cli_repo_secret import Given, credential_of
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]
ConfirmName = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The repository's name, typed.")]
Force = Annotated[bool, typer.Option("--force", help="Although it holds the only good snapshot of a living database.")]


@verb(
    app,
    "adopt",
    """
    holdfast repo adopt old --path /mnt/disk/restic --password-file password.txt
    holdfast repo adopt other --kind s3 --endpoint https://s3.example --bucket b --prefix p --access-key-id AKIA... \\
        --secret-from-file secret.txt --password-file password.txt
    holdfast repo adopt old --again
    """,
)
def adopt(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="What it is to be called here; with --again which one it is.")],
    path: Annotated[Path | None, typer.Option("--path", metavar="DIR", help="Its directory on the server.")] = None,
    kind: Annotated[
        Literal["local", "s3"], typer.Option("--kind", help="In a directory, or in an S3 bucket.")
    ] = "local",
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="Of s3.")] = None,
    bucket: Annotated[str | None, typer.Option("--bucket", help="Of s3.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Its own part of the bucket.")] = "",
    region: Annotated[str | None, typer.Option("--region", help="Of s3.", show_default="us-east-1")] = None,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Plain http.")] = False,
    key_id: KeyId = None,
    from_file: FromFile = None,
    from_env: FromEnv = None,
    token_env: TokenEnv = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", exists=True, dir_okay=False, help="Its password; else stdin."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Take in what came into it since.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Take in a repository that stock restic or another Holdfast made. Snapshots of databases can be restored here;
    those of stock restic are files: `repo files`."""
    t = terminal(ctx)
    environment = t.environment_of()
    if again:
        found = t.repository(name)
        made = t.client.post(f"/repositories/{found['id']}/adopt", {"environment_id": environment["id"]})
        _ended(t, made, no_wait, _adopted)
        return
    body: dict[str, Any] = {"project_id": environment["project_id"], "environment_id": environment["id"], "name": name}
    body["password"] = _password(t, password_file)
    if kind == "local":
        if path is None:
            raise Usage("where is it?", hint="add --path DIR, or --kind s3 and the bucket")
        body |= {"kind": "local", "path": str(path.expanduser().resolve())}
    else:
        given = Given(key_id, from_file, from_env, token_env)
        place = {"endpoint": endpoint, "bucket": bucket, "prefix": prefix, "region": region, "allow_http": allow_http}
        place = {key: value for key, value in place.items() if value is not None}
        body |= {"kind": "s3", "s3": {**place, **credential_of("s3", given)}}
    _ended(t, t.client.post("/repositories/adopt", body), no_wait, _adopted)


def _adopted(result: dict[str, Any]) -> str:
    return (
        f"{result['snapshots']} snapshots: {result['adopted']} of databases can be restored now, "
        f"{result['metadata']} of a Holdfast's records, {result['foreign']} of files, "
        f"{result['unreadable']} unreadable."
    )


@verb(app, "contents", "holdfast repo contents old")
def contents(ctx: typer.Context, repository: Name) -> None:
    """List every snapshot in a repository as the repository itself knows them, also those of stock restic."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/repositories/{t.repository(repository)['id']}/contents"),
        {
            "RESTIC ID": lambda item: item["restic_id"] if t.json else item["restic_id"][:12],
            "WHAT": "origin",
            "TAKEN": lambda item: output.moment_text(item["taken_at"]),
            "HOST": "hostname",
            "PATHS": lambda item: ", ".join(item["paths"]),
            "SNAPSHOT": "snapshot_id",
        },
        empty="Nothing is in it.",
    )


@verb(app, "files", "holdfast repo files old 16d3b9ec12ab")
def files(
    ctx: typer.Context, repository: Name, snapshot: Annotated[str, typer.Argument(help="Its restic id, or its start.")]
) -> None:
    """List the files of a snapshot that stock restic made. They are files: no database is restored from them."""
    t = terminal(ctx)
    found = _one(t, repository, snapshot)
    t.table(
        t.client.items(f"{found}/files"),
        {"PATH": "path", "TYPE": "type", "SIZE": lambda item: output.size_text(item["size"])},
        empty="It has no files.",
        right=("SIZE",),
    )


def _one(t: Terminal, repository: str, start: str) -> str:
    """The path of the one snapshot whose restic id begins so."""
    base = f"/repositories/{t.repository(repository)['id']}/contents"
    there = [item["restic_id"] for item in t.client.items(base) if item["restic_id"].startswith(start)]
    if len(there) != 1:
        raise Usage(f"{len(there)} snapshots begin with {start!r}", hint="`holdfast repo contents` lists them")
    return f"{base}/{there[0]}"


@verb(app, "rotate", "holdfast repo rotate default")
def rotate(ctx: typer.Context, repository: Name, no_wait: NoWait = False) -> None:
    """Give a repository a new password; the old one stops working. Make a new recovery kit afterwards."""
    t = terminal(ctx)
    found = t.repository(repository)
    made = t.client.post(f"/repositories/{found['id']}/password", {})
    _ended(t, made, no_wait, lambda _: "The old password opens nothing any more. Now: holdfast recovery-kit create")


@verb(app, "copy-to", "holdfast repo copy-to default fresh --switch")
def copy_to(
    ctx: typer.Context,
    repository: Name,
    into: Annotated[str, typer.Argument(help="Another repository of the project: holdfast repo add.")],
    switch: Annotated[bool, typer.Option("--switch", help="Use the copies from then on; the old one stays.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Copy every snapshot into another repository, sealed anew under its own key, and read each back there.

    This is how a repository gets another master key, or moves. Cut off, run it again: it goes on.
    """
    t = terminal(ctx)
    found, target = t.repository(repository), t.repository(into)
    made = t.client.post(f"/repositories/{found['id']}/copy", {"into": target["id"], "switch": switch})
    _ended(
        t,
        made,
        no_wait,
        lambda r: f"{r['snapshots']} snapshots are there, read back; {r['switched']} are used there.",
    )


@verb(app, "deletes", "holdfast repo deletes offsite --apart\nholdfast repo deletes offsite --together")
def deletes(
    ctx: typer.Context,
    repository: Name,
    apart: Annotated[
        bool, typer.Option("--apart/--together", help="Only add with its own credential, or delete with it too.")
    ],
    key_id: KeyId = None,
    from_file: FromFile = None,
    from_env: FromEnv = None,
    token_env: TokenEnv = None,
) -> None:
    """Let Holdfast only add to a repository in a bucket. What may delete is given apart, or kept elsewhere."""
    t = terminal(ctx)
    found = t.repository(repository)
    given = Given(key_id, from_file, from_env, token_env)
    wanted = apart and (key_id or from_file or from_env)
    body: dict[str, Any] = {"apart": apart}
    if wanted:
        body["credential"] = credential_of(str(found["kind"]), given)
    answer = t.client.post(f"/repositories/{found['id']}/deletes", body)
    how = "deletes with the other credential" if wanted else "deletes nothing" if apart else "deletes with its own"
    t.answer(answer, f"{output.visible(str(found['name']))}: Holdfast {how}.")


@verb(app, "detach", "holdfast repo detach old --confirm old")
def detach(ctx: typer.Context, repository: Name, confirm: ConfirmName = None, force: Force = False) -> None:
    """Let a repository alone from now on. Its files stay; `repo adopt` takes it in again."""
    _removed(terminal(ctx), repository, confirm, force=force, files=False, no_wait=False)


@verb(app, "delete", "holdfast repo delete old --confirm old")
def delete(
    ctx: typer.Context, repository: Name, confirm: ConfirmName = None, force: Force = False, no_wait: NoWait = False
) -> None:
    """Detach a repository and delete what is ours in it. Snapshots of stock restic in it stay, and what they need."""
    _removed(terminal(ctx), repository, confirm, force=force, files=True, no_wait=no_wait)


def _removed(t: Terminal, repository: str, confirm: str | None, *, force: bool, files: bool, no_wait: bool) -> None:
    found = t.repository(repository)
    if confirm is None and (t.json or not sys.stdin.isatty()):
        raise Usage("which one?", hint=f"type its name: --confirm {found['name']}")
    typed = confirm or str(typer.prompt(f"Type {found['name']!r} to go on", err=True))
    answer = t.client.delete(f"/repositories/{found['id']}", {"confirm": typed, "files": files, "force": force})
    if answer["run"] is None:
        t.answer(answer, f"Detached. Its files stay: {answer['repository']['path']}")
        return
    _ended(t, answer, no_wait, lambda r: f"{r['deleted']} snapshots of ours deleted, {r['kept']} of others kept.")


def _ended(t: Terminal, made: dict[str, Any], no_wait: bool, words: Any) -> None:
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    run = t.follow(made["run"])
    t.answer(run, words(run.get("result") or {}))


def _password(t: Terminal, file: Path | None) -> str:
    if file is not None:
        return file.read_text().rstrip("\r\n")
    if sys.stdin.isatty() and not t.json:
        return str(typer.prompt("Password of the repository", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")

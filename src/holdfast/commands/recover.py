"""`holdfast recover`: a lost server again, from a repository and the recovery kit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb
from holdfast.terminal.progress import RunFailed

if TYPE_CHECKING:
    from holdfast.features.recovery.outlook import Outlook
    from holdfast.features.secrets.kit import Kit

recover = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
_EXAMPLE = """
holdfast recover --from /mnt/copy/repositories/repo_... --kit kit.age --identity key.txt --data /srv/holdfast --dry-run
holdfast recover --from offsite --kit kit.age --identity key.txt --data /srv/holdfast
holdfast recover --from offsite --kit kit.age --passphrase-stdin --data /srv/holdfast --only shop --no-start
"""


@verb(recover, "recover", _EXAMPLE)
def start(
    ctx: typer.Context,
    *,
    source: Annotated[
        str, typer.Option("--from", metavar="REPOSITORY", help="Id or name in the kit, or a repository's directory.")
    ],
    kit: Annotated[Path, typer.Option("--kit", metavar="FILE", help="The recovery kit.")],
    identity: Annotated[
        Path | None, typer.Option("--identity", "-i", metavar="FILE", help="The age key file the kit was made to.")
    ] = None,
    passphrase_stdin: Annotated[
        bool, typer.Option("--passphrase-stdin", help="Read the kit's passphrase from standard input.")
    ] = False,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID", help="Of the metadata; the newest when left out.")
    ] = None,
    repositories: Annotated[
        list[Path] | None,
        typer.Option("--repositories", metavar="DIR", help="Where copies of local repositories lie, by their ids."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="DATABASE", help="Bring back only these; again for more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come back, and change nothing.")] = False,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Prepare the data directory; databases come back with `holdfast up`.")
    ] = False,
) -> None:
    """Build a lost server again, on a machine where none is: people, projects, plans, secrets, and every database from
    its newest good snapshot. The old server must not come back: repositories refuse it from then on.

    Run it again when it was cut off.
    """
    from holdfast import catalog
    from holdfast import tables as _every_table  # noqa: F401 - the metadata is copied as a whole
    from holdfast.features.recovery.recovering import Asked, Recovery
    from holdfast.hosts.keeper import alone_on
    from holdfast.kernel.clock import SystemClock

    t = terminal(ctx)
    settings = t.settings()
    asked = Asked(_kit(t, kit, identity, passphrase_stdin), source, snapshot, tuple(repositories or ()), only or ())
    told = (lambda _words: None) if t.json else output.note
    work = Recovery(settings, catalog.registry(), SystemClock(), asked, told)
    if dry_run:
        _show(t, work.look(), "would come back")
        return
    with alone_on(settings.data):
        outlook = work.run()
    if no_start or outlook is None:
        if outlook is not None:
            _show(t, outlook, "comes back")
        if not t.json:
            output.note(f"The data directory is ready. Start it: holdfast up --data {settings.data}")
        return
    _follow(t, settings, outlook)


def _follow(t: Terminal, settings: Any, outlook: Outlook) -> None:
    """Start it, and watch every database come back. Exits 1 when one did not."""
    from holdfast.commands.up import _detached

    _detached(settings)
    if not t.json:
        _show(t, outlook, "comes back")
    failed = []
    facts = outlook.as_dict()
    for each, told in zip(outlook.databases, facts["databases"], strict=True):
        told["state"] = "failed"
        if each.run_id is not None:
            try:
                t.follow({"id": each.run_id})
                told["state"] = "ready"
            except RunFailed as error:
                told["why"] = str(error)
        if told["state"] != "ready":
            failed.append(each.name)
    if t.json:
        output.say_json(facts)
    else:
        _said(t, settings, failed)
    if failed:
        raise typer.Exit(1)


def _said(t: Terminal, settings: Any, failed: list[str]) -> None:
    from holdfast.hosts.keeper import KeeperClient

    port = None
    try:
        port = KeeperClient.of(settings).info().control_port
    except HoldfastError as error:
        output.note(error.message)
    output.say(f"Holdfast is running on http://{settings.host}:{port or settings.control_port}")
    if failed:
        output.say(f"Not back: {', '.join(map(output.visible, failed))}. `holdfast db show NAME` says why.")
    output.note("Everybody signs in anew. Take a new recovery kit, and see that the old server stays off.")
    output.note(f"Stop: holdfast down --data {settings.data}" if t.data else "Stop: holdfast down")


def _show(t: Terminal, outlook: Outlook, verb_text: str) -> None:
    if t.json:
        output.say_json(outlook.as_dict())
        return
    output.say(
        f"The metadata of {output.moment_text(outlook.taken_at.isoformat())} "
        f"({outlook.people} people, {outlook.projects} projects, {outlook.workers} workers). {verb_text.capitalize()}:"
    )
    rows = []
    for each in outlook.databases:
        back = output.moment_text(each.taken_at.isoformat()) if each.taken_at else "NOT"
        lost = output.seconds_text(each.age) if each.age is not None else each.why
        size = output.size_text(each.bytes) if each.bytes is not None else None
        rows.append([output.visible(each.name), each.engine, f"{each.project}/{each.environment}", back, lost, size])
    if rows:
        output.table(["DATABASE", "ENGINE", "WHERE", "AS OF", "LOST AT MOST", "SIZE"], rows)
    else:
        output.say("no database: there was none")
    for found in outlook.repositories:
        if not found.ok:
            output.say(f"repository {output.visible(found.name)}: {found.why}")
        elif found.adopted:
            output.say(f"repository {output.visible(found.name)}: {found.adopted} snapshots newer than the metadata")
    for words in outlook.warnings:
        output.say(f"note: {output.visible(words)}")


def _kit(t: Terminal, file: Path, identity: Path | None, passphrase_stdin: bool) -> Kit:
    from holdfast.features.recovery.kit_file import open_kit

    try:
        content = file.read_bytes()
        key = identity.read_text() if identity is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"the kit or its key cannot be read: {error}") from error
    if key is not None:
        return open_kit(content, identity=key)
    if passphrase_stdin:
        return open_kit(content, passphrase=sys.stdin.readline().rstrip("\r\n"))
    if t.json or not sys.stdin.isatty():
        raise Usage("what opens the kit?", hint="add --identity FILE or --passphrase-stdin")
    return open_kit(content, passphrase=str(typer.prompt("Passphrase", hide_input=True, err=True)))

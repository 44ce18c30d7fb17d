"""`holdfast recovery-kit`: the file that recovers everything when the server is lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.features.secrets.kit import Kit, parse
from holdfast.formats import age
from holdfast.kernel.errors import Invalid
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "recovery-kit",
    "The file that recovers everything when this server is lost.",
    "holdfast recovery-kit create --to age1... -o kit.age\nholdfast recovery-kit check kit.age --identity key.txt",
)
KitFile = Annotated[Path, typer.Argument(metavar="FILE", help="The kit.")]
Identity = Annotated[
    Path | None, typer.Option("--identity", "-i", metavar="FILE", help="The age key file, or ssh private key.")
]
PassphraseStdin = Annotated[bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")]


@verb(
    app,
    "create",
    "holdfast recovery-kit create --to age1... -o kit.age\nholdfast recovery-kit create --passphrase-stdin -o kit.age",
)
def create(
    ctx: typer.Context,
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="RECIPIENT", help="age1..., age1pq1... or an ssh public key.")
    ] = None,
    passphrase_stdin: PassphraseStdin = False,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A new file; - prints it.")
    ] = None,
) -> None:
    """Make a recovery kit: master key, repository passwords and how to use them, encrypted to you."""
    t = terminal(ctx)
    if target is None:
        raise Usage("where to?", hint="add -o kit.age, and keep it away from this server")
    if to and passphrase_stdin:
        raise Usage("recipients or a passphrase, one of the two")
    body: dict[str, Any] = {"recipients": to} if to else {"passphrase": _passphrase(t, passphrase_stdin, new=True)}
    descriptor = None if str(target) == "-" else _new_file(target)
    try:
        made = t.client.post("/system/recovery-kit", body)
    except BaseException:
        if descriptor is not None:
            os.close(descriptor)
            target.unlink()
        raise
    if descriptor is None:
        output.say(made["file"].rstrip("\n"))
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(made["file"])
        file.flush()
        os.fsync(file.fileno())
    del made["file"]
    t.answer(made, f"Wrote {target}: {len(made['repositories'])} repositories, {made['master_key_id']}.")
    if not t.json:
        output.note(f"Keep it away from this server, and try it: holdfast recovery-kit check {target}")


@verb(app, "check", "holdfast recovery-kit check kit.age --identity key.txt")
def check(
    ctx: typer.Context, kit: KitFile, identity: Identity = None, passphrase_stdin: PassphraseStdin = False
) -> None:
    """Open a kit and compare it with the running Holdfast. Exits 1 when it would not recover everything."""
    t = terminal(ctx)
    found = _opened(t, kit, identity, passphrase_stdin)
    state = t.client.get("/system/recovery-kit")
    why = _differences(found, state)
    facts = {"ok": not why, "why": why, "made_at": found.made_at, "installation": found.installation}
    t.answer(
        facts, "\n".join(why) if why else f"This kit, made {output.moment_text(found.made_at)}, recovers everything."
    )
    if why:
        raise typer.Exit(1)


@verb(app, "open", "holdfast recovery-kit open kit.age --identity key.txt")
def open_(
    ctx: typer.Context, kit: KitFile, identity: Identity = None, passphrase_stdin: PassphraseStdin = False
) -> None:
    """Print a kit in clear: keys, passwords, instructions. Needs no running Holdfast."""
    t = terminal(ctx)
    text = _decrypted(t, kit, identity, passphrase_stdin)
    _parsed(text)
    output.say(text)


@verb(app, "status", "holdfast recovery-kit status")
def status(ctx: typer.Context) -> None:
    """Show when the newest kit was made and whether it is stale. Exits 1 when there is none that would do."""
    t = terminal(ctx)
    state = t.client.get("/system/recovery-kit")
    newest = state["newest"]
    made = f"Made {output.moment_text(newest['made_at'])}, by {newest['made_by']}." if newest else ""
    t.answer(state, "\n".join(filter(None, [made, *(f"Not enough: {each}." for each in state["why"])])))
    if state["why"]:
        raise typer.Exit(1)


def _differences(kit: Kit, state: dict[str, Any]) -> list[str]:
    """What the running Holdfast has that the kit lacks."""
    if state["installation"] != kit.installation:
        return [f"this kit is of another installation ({kit.installation})"]
    found = []
    if state["master_key_id"] not in kit.master_keys:
        found.append(f"the master key was rotated after this kit was made (now {state['master_key_id']})")
    missing = sorted(set(state["repositories"]) - {each.id for each in kit.repositories})
    return found + [f"the repository {each} was made after this kit" for each in missing]


def _opened(t: Terminal, path: Path, identity: Path | None, passphrase_stdin: bool) -> Kit:
    return _parsed(_decrypted(t, path, identity, passphrase_stdin))


def _parsed(text: str) -> Kit:
    try:
        return parse(text)
    except ValueError as error:
        raise Invalid(str(error), code="kit_invalid") from None


def _decrypted(t: Terminal, path: Path, identity: Path | None, passphrase_stdin: bool) -> str:
    content = _read(path)
    try:
        if identity is not None:
            keys = age.identities_in(_read(identity).decode())
            return age.decrypt(content, identities=keys).decode()
        return age.decrypt(content, passphrase=_passphrase(t, passphrase_stdin)).decode()
    except (age.NotForUs, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} does not open: {error}",
            code="kit_not_opened",
            hint="--identity names the age key file it was made to; without it a passphrase is asked for.",
        ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}") from error


def _new_file(path: Path) -> int:
    """Made before the kit is: a kit that could not be written would still be recorded as made."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Usage(f"{path} cannot be made: {error.strerror}", hint="choose a file that is not there yet") from error


def _passphrase(t: Terminal, from_stdin: bool, *, new: bool = False) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if t.json or not sys.stdin.isatty():
        raise Usage("to whom?" if new else "with what?", hint="add --to age1..." if new else "add --identity FILE")
    again = "Again" if new else False
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=again, err=True))

"""`holdfast snapshot download`, `link`, `links`, `unlink`: a snapshot as one file."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.client import LineBroken
from holdfast.features.backups.cli import app
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.address import absolute
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb
from holdfast.terminal.snapshots import snapshot_of
from holdfast.terminal.times import seconds_of

_TRIES = 5
_MOST_KEY = 20_000
Format = Annotated[
    Literal["native", "tar", "stored"],
    typer.Option("--format", help="What the engine's own tools open, a tar of all, or as it lies in plain files."),
]
Compress = Annotated[
    str | None,
    typer.Option(
        "--compress", metavar="HOW", help="gzip, zstd, bzip2 or none; gzip:9 with a level.", show_default="gzip"
    ),
]
Encrypt = Annotated[
    str | None,
    typer.Option(
        "--encrypt",
        metavar="HOW",
        help="age:RECIPIENT, age, gpg:KEYFILE, gpg, aes256 or none; without a key a passphrase is asked for.",
    ),
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", exists=True, dir_okay=False, help="A file whose first line it is.")
]
Several = Annotated[
    list[str], typer.Argument(metavar="SNAPSHOT...", help="Ids, or latest:DATABASE.", show_default=False)
]
Seconds = Annotated[int | None, typer.Option("--seconds", min=1, help="How long the link lives.")]


@verb(
    app,
    "download",
    """
    holdfast snapshot download latest:shop -o shop.dump.zst --compress zstd --encrypt none
    holdfast snapshot download latest:shop -o shop.age --encrypt age:age1...
    holdfast snapshot download latest:shop -o shop.tar --format tar --compress none
    holdfast snapshot download latest:shop -o shop.dump.gz --format stored
    holdfast snapshot download latest:shop latest:blog -o all.zip --compress zstd
    """,
)
def download(
    ctx: typer.Context,
    *,
    snapshots: Several,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write; FILE.RESTORE.md goes beside it.")],
    form: Format = "native",
    compress: Compress = None,
    encrypt: Encrypt = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Download a snapshot as one file that stock tools open; several of one project as one zip of such files.

    Called again after it broke off, it goes on where it stood when neither --compress nor --encrypt makes that
    impossible; otherwise it begins anew. A file that is there already is not overwritten.
    """
    t = terminal(ctx)
    if out.exists():
        raise Usage(f"{out} is there already", hint="name another file with -o")
    made = _made(t, snapshots, wish_body(t, form, compress, encrypt, passphrase_file))
    try:
        size = _fetched(t, out, made)
    finally:
        with suppress(HoldfastError):  # it expires all the same
            t.client.delete(f"/downloads/{made['download']['id']}")
    guide = out.with_name(out.name + ".RESTORE.md")
    guide.write_text(made["restore_md"])
    t.answer(
        {"file": str(out), "bytes": size, "restore_md": str(guide), "download": made["download"]},
        f"Wrote {output.size_text(size)} to {output.visible(str(out))}; how to open it: {output.visible(guide.name)}",
    )


@verb(
    app,
    "link",
    """
    holdfast snapshot link latest:shop --encrypt age:age1... --seconds 600 --once
    holdfast snapshot link latest:shop latest:blog
    """,
)
def link(
    ctx: typer.Context,
    *,
    snapshots: Several,
    form: Format = "native",
    compress: Compress = None,
    encrypt: Encrypt = None,
    passphrase_file: PassphraseFile = None,
    seconds: Seconds = None,
    once: Annotated[bool, typer.Option("--once", help="The first download uses it up.")] = False,
) -> None:
    """Make a signed link to a snapshot as one file, or to several as one zip.

    Whoever has it may read the file until it expires."""
    t = terminal(ctx)
    body = wish_body(t, form, compress, encrypt, passphrase_file) | {"once": once}
    if seconds is not None:
        body["seconds"] = seconds
    made = _made(t, snapshots, body)
    made["url"] = absolute(t, made["url"])
    if t.json:
        output.say_json(made)
        return
    output.say(made["url"])
    output.note(
        f"{made['download']['name']}, until {output.moment_text(made['download']['expires_at'])}; revoke it with "
        f"holdfast snapshot unlink {made['download']['id']}"
    )


@verb(app, "links", "holdfast snapshot links")
def links(
    ctx: typer.Context,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, newest first.")] = None,
) -> None:
    """List download links, newest first."""
    t = terminal(ctx)
    scope = {name: value for name, value in t.scope().items() if name == "project_id"}
    t.table(
        t.client.items("/downloads", limit=limit, **scope),
        {
            "LINK": "id",
            "FILE": "name",
            "STATE": "state",
            "UNTIL": lambda item: output.moment_text(item["expires_at"]),
            "USES": "uses",
            "ENCRYPTION": "encryption",
            "BY": "created_by",
        },
        empty="No links. Make one: holdfast snapshot link latest:shop",
        right=("USES",),
    )


@verb(app, "unlink", "holdfast snapshot unlink dl_...")
def unlink(ctx: typer.Context, link_id: Annotated[str, typer.Argument(metavar="LINK", help="Id of a link.")]) -> None:
    """Revoke a download link."""
    t = terminal(ctx)
    found = t.client.delete(f"/downloads/{link_id}")
    t.answer(found, f"{found['id']} is {found['state']}.")


@verb(
    app,
    "link-life",
    """
    holdfast snapshot link-life
    holdfast snapshot link-life --default 1h --max 7d
    """,
)
def link_life(
    ctx: typer.Context,
    *,
    default: Annotated[
        int | None, typer.Option("--default", parser=seconds_of, metavar="TIME", help="When nobody says: 1h.")
    ] = None,
    most: Annotated[int | None, typer.Option("--max", parser=seconds_of, metavar="TIME", help="At most: 7d.")] = None,
) -> None:
    """Show or set how long links live that are made from now on. Links there are end when they say."""
    t = terminal(ctx)
    life = t.client.get("/download-life")
    if default is not None or most is not None:
        wanted = {"default_seconds": default, "most_seconds": most}
        life = t.client.put("/download-life", life | {key: value for key, value in wanted.items() if value is not None})
    t.answer(
        life,
        f"A link lives {output.seconds_text(life['default_seconds'])}, "
        f"at most {output.seconds_text(life['most_seconds'])} (h:mm:ss).",
    )


def _made(t: Terminal, snapshots: list[str], body: dict[str, Any]) -> dict[str, Any]:
    """A link to one file, or to a zip of several."""
    ids = list(dict.fromkeys(str(snapshot_of(t, each)["id"]) for each in snapshots))
    if len(ids) > 1:
        return dict(t.client.post("/downloads", body | {"snapshot_ids": ids}))
    return dict(t.client.post(f"/snapshots/{ids[0]}/downloads", body))


def wish_body(
    t: Terminal, form: str, compress: str | None, encrypt: str | None, passphrase_file: Path | None
) -> dict[str, Any]:
    """The body of a request for a file. Raises Usage."""
    how, _, level = (compress or "").partition(":")
    body: dict[str, Any] = {"format": form} | ({"compression": how} if how else {})
    if level:
        if not level.isdigit():
            raise Usage(f"{level!r} is no level", hint="--compress gzip:9")
        body["level"] = int(level)
    if encrypt is None:
        return body
    kind, _, key = encrypt.partition(":")
    body["encryption"] = kind
    if kind == "none":
        return body
    if key:
        body["recipients"] = [_key(kind, key)]
    else:
        body["passphrase"] = _passphrase(t, passphrase_file)
    return body


def _key(kind: str, given: str) -> str:
    if kind != "gpg":
        return given
    try:
        with Path(given).open() as file:
            return file.read(_MOST_KEY)
    except OSError as error:
        raise Usage(
            f"{given} cannot be read: {error.strerror}", hint="gpg --armor --export you@example.org > key.asc"
        ) from None


def _passphrase(t: Terminal, path: Path | None) -> str:
    if path is not None:
        with path.open() as file:
            return file.readline().rstrip("\r\n")
    if t.json or not sys.stdin.isatty():
        raise Usage("with which passphrase?", hint="add --passphrase-file FILE")
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt="Again", err=True))


def _fetched(t: Terminal, out: Path, made: dict[str, Any]) -> int:
    """Into OUT.part, then under its name: half a file must not look like all of it."""
    part, note = out.with_name(out.name + ".part"), out.with_name(out.name + ".part.json")
    etag = made["download"]["etag"] if made["download"]["ranges"] else None
    at = part.stat().st_size if etag and part.exists() and _etag_in(note) == etag else 0
    note.write_text(json.dumps({"etag": etag}))
    broken = 0
    while True:
        try:
            size = _pulled(t, part, made, at, etag)
            break
        except LineBroken:
            broken += 1
            if broken >= _TRIES or etag is None:
                raise
            at = part.stat().st_size
            time.sleep(0.2 * broken)
    os.replace(part, out)
    note.unlink()
    return size


def _pulled(t: Terminal, part: Path, made: dict[str, Any], start: int, etag: str | None) -> int:
    live = sys.stderr.isatty() and not t.json
    started, shown, begun = time.monotonic(), 0.0, start
    with part.open("r+b" if start else "wb") as file:
        for at, piece in t.client.signed(made["url"], start, etag):
            if not piece:
                begun = at
                file.truncate(at)
                file.seek(at)
            file.write(piece)
            now = time.monotonic()
            if live and now - shown > 0.2:
                shown = now
                rate = (at - begun) / max(0.001, now - started)
                sys.stderr.write(f"\r\x1b[K{output.size_text(at)}  {output.size_text(rate)}/s")
                sys.stderr.flush()
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if live:
        sys.stderr.write("\r\x1b[K")
    wanted = made["download"]["size"]
    if wanted is not None and size != wanted:
        raise LineBroken(f"{size} of {wanted} bytes came", code="download_short")
    return size


def _etag_in(note: Path) -> str | None:
    try:
        found = json.loads(note.read_text()).get("etag")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None

"""RESTORE.md of one file: exactly which stock commands open it. Its `sh` blocks run as they stand."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.contract.plain import PlainFile
from holdfast.formats.plain import aes
from holdfast.formats.plain.packing import METHODS
from holdfast.vault.plain.named import KeyNote, Seal
from holdfast.vault.plain.wish import FileWish

_KEYS = {
    "none": "It is NOT encrypted.",
    "age": "It is sealed with age.",
    "gpg": "It is an OpenPGP message.",
    "aes256": "It is AES-256-CTR under a passphrase, with an HMAC-SHA256 at its end that the first lines compare.",
}
_TOOLS = {"none": "", "age": "`age`", "gpg": "`gpg`", "aes256": "`openssl` (3.0 or later) and GNU coreutils"}


def guide(name: str, made: PlainFile, wish: FileWish, seal: Seal | None = None) -> str:
    """`name`: of the file, shown only. `seal`: says which key opens it, and how that is had."""
    note = seal.note if seal else None
    commands = seal.commands if seal else ()
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in name)
    tools = ", ".join(filter(None, (_TOOLS[wish.sealing], _tool(METHODS[wish.packing].command))))
    lines = [
        f"# How to open `{shown}`",
        "",
        f"Inside is {made.title}. {_KEYS[wish.sealing]}" + (f" You need {tools}." if tools else ""),
        "",
    ]
    if note is not None:
        lines += [_which(note), ""]
    if wish.packing != "none" or wish.sealing != "none":
        opening = _with_key(wish, commands) if commands else _opening(wish)
        lines += [_asks(wish, bool(commands)), "", "```sh", "set -eu", *opening, "```", ""]
        lines += ["Then, with `FILE` set to what came out and `TARGET` to where it goes:", ""]
    else:
        lines += ["With `FILE` set to its path and `TARGET` to where it goes:", ""]
    lines += ["```sh", *made.commands, "```", ""]
    lines += [f"- {note}" for note in made.notes]
    return "\n".join(lines) + "\n"


def _which(note: KeyNote) -> str:
    mark = f", fingerprint `{note.fingerprint}`" if note.fingerprint else ""
    own = "" if note.opens else " Holdfast has only its public half: this file opens with yours."
    return f"The key that opens it is `{note.name}` ({note.kind}{mark}).{own}"


def _with_key(wish: FileWish, commands: Sequence[str]) -> Sequence[str]:
    """The service is asked for the key, which goes to the tool without being typed; nothing of it stays on the disk."""
    unpack = METHODS[wish.packing].command
    pipe = f" | {unpack}" if unpack else ""
    if wish.sealing == "aes256":
        return [*commands, 'export PASSPHRASE="$KEY"', *aes.COMMANDS, f'{aes.OPEN}{pipe} > "$OUT"']
    if wish.sealing == "age":
        return [*commands, f'printf "%s\\n" "$KEY" | age -d -i - "$FILE"{pipe} > "$OUT"']
    gpg = 'gpg --batch --pinentry-mode loopback --passphrase-fd 0 -d "$FILE"'
    return [*commands, f'printf "%s\\n" "$KEY" | {gpg}{pipe} > "$OUT"']


def _asks(wish: FileWish, served: bool) -> str:
    words = ["`FILE` is this file, `OUT` the one to be made."]
    if served:
        words.append("Be signed in to the service that has the key.")
    elif wish.sealing == "aes256":
        words.append("Export the passphrase as `PASSPHRASE`.")
    elif wish.sealing == "age" and not wish.passphrase and wish.recipients:
        words.append("`IDENTITY` is the file with your age identity.")
    elif wish.sealing != "none":
        words.append("The tool asks for the passphrase, or for that of your key.")
    return " ".join(words)


def _opening(wish: FileWish) -> Sequence[str]:
    unpack = METHODS[wish.packing].command
    pipe = f" | {unpack}" if unpack else ""
    if wish.sealing == "aes256":
        return [*aes.COMMANDS, f'{aes.OPEN}{pipe} > "$OUT"']
    if wish.sealing == "age":
        key = '-i "$IDENTITY" ' if wish.recipients else ""
        return [f'age -d {key}"$FILE"{pipe} > "$OUT"']
    if wish.sealing == "gpg":
        return [f'gpg -d "$FILE"{pipe} > "$OUT"']
    return [f'{unpack} < "$FILE" > "$OUT"']


def _tool(command: str) -> str:
    return f"`{command.split(maxsplit=1)[0]}`" if command else ""


def zip_guide(name: str, members: Sequence[str]) -> str:
    """Of a zip: each file in it has a RESTORE.md of its own beside it."""
    shown = "".join(c if c.isprintable() and c != "`" else "?" for c in name)
    lines = [
        f"# How to open `{shown}`",
        "",
        "A zip (zip64, nothing compressed by the zip itself) of the files below. Each has its own `.RESTORE.md` beside",
        "it, which says how to open it. With `FILE` set to its path and `TARGET` to a new directory:",
        "",
        "```sh",
        'unzip -q "$FILE" -d "$TARGET"',
        "```",
        "",
    ]
    return "\n".join([*lines, *(f"- `{member}`" for member in members)]) + "\n"

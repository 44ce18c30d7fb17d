"""OpenPGP by the machine's own gpg: sealed to public keys, opened under a passphrase. With a home of its own and no
agent: no daemon stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from holdfast.contract.tools import Child, Tools
from holdfast.formats.plain.unsealing import WrongKey
from holdfast.kernel.errors import Invalid, NeedsOperator, Permanent
from holdfast.kernel.stop import Stop

_PIECE = 256 * 1024
_BASE = ("--batch", "--no-tty", "--quiet", "--no-autostart", "--no-options")
_ASK_NOBODY = ("--pinentry-mode", "loopback")
_TO_A_KEY = ("No secret key", "public key decryption failed", "no gpg-agent", "No agent running")
_CIPHER = ("--cipher-algo", "AES256", "--compress-algo", "none", "--output", "-")


class ToPublicKey(WrongKey):
    """No passphrase opens it: its private key does, and is not here."""


def sealed(pieces: Iterable[bytes], tools: Tools, stop: Stop, recipients: Sequence[str]) -> Iterator[bytes]:
    """Raises Invalid (code "recipient_invalid") for a key that gpg does not take, NeedsOperator without gpg."""
    base = [_found("Install gnupg, or use age."), *_BASE]
    with _home(tools) as home:
        argv = [*base, "--homedir", str(home), *_CIPHER]
        for number, key in enumerate(recipients):
            argv += ["--recipient-file", str(_given(tools, home / f"key{number}.asc", key))]
        child = tools.run([*argv, "--trust-model", "always", "--encrypt"], stdin=True, stop=stop)
        yield from _through(child, pieces, _no_key)


def opened(pieces: Iterable[bytes], tools: Tools, stop: Stop, passphrase: str) -> Iterator[bytes]:
    """A message of any make. Raises WrongKey (also for one that was altered or cut off), ToPublicKey, at its end at the
    latest: what came before must be thrown away then. Raises NeedsOperator without gpg."""
    base = [_found("Install gnupg, or decrypt it yourself."), *_BASE, *_ASK_NOBODY]
    with _home(tools) as home:
        given = _given(tools, home / "passphrase", passphrase + "\n")
        argv = [*base, "--homedir", str(home), "--passphrase-file", str(given), "--decrypt"]
        yield from _through(tools.run(argv, stdin=True, stop=stop), pieces, _not_opened)


def _found(hint: str) -> str:
    if (found := shutil.which("gpg")) is None:
        raise NeedsOperator("there is no gpg here", code="gpg_missing", hint=hint)
    return found


def _through(child: Child, pieces: Iterable[bytes], refusal: Callable[[str], Exception]) -> Iterator[bytes]:
    """What the child makes of the pieces; they are fed from a thread, one at a time. `refusal` says it when the child
    failed, by its last words."""
    failed: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(child, pieces, failed), name="gpg-feeder", daemon=True)
    with child:
        feeder.start()
        try:
            assert child.stdout is not None  # noqa: S101 - asked for above
            while piece := child.stdout.read(_PIECE):
                yield piece
            feeder.join()
            if failed:
                raise failed[0]
            _ended(child, refusal)
        finally:
            child.kill()  # ends the feeder's write
            feeder.join()


def _feed(child: Child, pieces: Iterable[bytes], failed: list[BaseException]) -> None:
    try:
        assert child.stdin is not None  # noqa: S101 - asked for above
        for piece in pieces:
            child.stdin.write(piece)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it ended early: its status says why
    except Exception as error:  # noqa: BLE001  raised again by who reads
        failed.append(error)
        child.kill()
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def _ended(child: Child, refusal: Callable[[str], Exception]) -> None:
    try:
        child.wait(60)
    except Permanent as error:
        raise refusal(error.message) from error


def _no_key(words: str) -> Invalid:
    return Invalid(f"gpg does not take this key: {words[-300:]}", code="recipient_invalid")


def _not_opened(words: str) -> WrongKey:
    if any(each in words for each in _TO_A_KEY):
        return ToPublicKey("this OpenPGP file is encrypted to a public key")
    return WrongKey(f"wrong passphrase, or it was altered or cut off ({words[-300:].strip()})")


@contextlib.contextmanager
def _home(tools: Tools) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gpg-", dir=tools.scratch) as text:
        place = Path(text)
        _give(place, tools)
        yield place


def _given(tools: Tools, path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    _give(path, tools)
    return path


def _give(path: Path, tools: Tools) -> None:
    """To the user the tools run as."""
    if os.geteuid() == 0:
        owner = tools.scratch.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

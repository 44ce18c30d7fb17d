"""OpenPGP messages under a passphrase, opened by the machine's own gpg without an agent: no daemon stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from holdfast.contract.tools import Child, Tools
from holdfast.kernel.errors import Invalid, NeedsOperator, Permanent
from holdfast.kernel.stop import Stop

_PIECE = 256 * 1024
_ARGUMENTS = ("--batch", "--no-tty", "--quiet", "--no-autostart", "--no-options", "--pinentry-mode", "loopback")
_TO_A_KEY = ("No secret key", "public key decryption failed", "no gpg-agent", "No agent running")


def opened(pieces: Iterator[bytes], tools: Tools, stop: Stop, passphrase: str) -> Iterator[bytes]:
    """Raises Invalid (code "dump_sealed") at its end at the latest: what came before must be thrown away then."""
    found = shutil.which("gpg")
    if found is None:
        raise NeedsOperator("there is no gpg here", code="gpg_missing", hint="Install gnupg, or decrypt it yourself.")
    with tempfile.TemporaryDirectory(prefix="gpg-", dir=tools.scratch) as text:
        home = Path(text)
        given = home / "passphrase"
        given.touch(mode=0o600)
        given.write_text(passphrase + "\n")
        for path in (home, given):
            _give(path, tools)
        argv = [found, *_ARGUMENTS, "--homedir", str(home), "--passphrase-file", str(given), "--decrypt"]
        with tools.run(argv, stdin=True, stop=stop) as child:
            yield from _through(child, pieces)


def _through(child: Child, pieces: Iterator[bytes]) -> Iterator[bytes]:
    failed: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(child, pieces, failed), name="gpg-feeder", daemon=True)
    feeder.start()
    try:
        assert child.stdout is not None  # noqa: S101 - asked for by default
        while piece := child.stdout.read(_PIECE):
            yield piece
        feeder.join()
        if failed:
            raise failed[0]
        _ended(child)
    finally:
        child.kill()  # ends the feeder's write
        feeder.join()


def _feed(child: Child, pieces: Iterator[bytes], failed: list[BaseException]) -> None:
    try:
        assert child.stdin is not None  # noqa: S101 - asked for
        with contextlib.suppress(BrokenPipeError):  # it ended early: its status says why
            for piece in pieces:
                child.stdin.write(piece)
            child.stdin.close()
    except Exception as error:  # noqa: BLE001  raised again by who reads
        failed.append(error)
        child.kill()


def _ended(child: Child) -> None:
    try:
        child.wait(60)
    except Permanent as error:
        if any(words in error.message for words in _TO_A_KEY):
            raise Invalid(
                "this OpenPGP file is encrypted to a public key",
                code="dump_sealed",
                hint="Its private key stays with you: gpg -d FILE | holdfast snapshot import - --db NAME",
            ) from error
        raise Invalid(
            "gpg does not open this file: wrong passphrase, or it was altered or cut off",
            code="dump_sealed",
            details={"gpg": error.message[-300:]},
        ) from error


def _give(path: Path, tools: Tools) -> None:
    """To the user the tools run as."""
    if os.geteuid() == 0:
        owner = tools.scratch.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

"""OpenPGP to public keys by the machine's own gpg, with a home of its own and no agent: no daemon stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

from holdfast.contract.tools import Child, Tools
from holdfast.kernel.errors import Invalid, NeedsOperator, Permanent
from holdfast.kernel.stop import Stop

_PIECE = 256 * 1024
_BASE = ("--batch", "--no-tty", "--quiet", "--no-autostart", "--no-options")
_CIPHER = ("--cipher-algo", "AES256", "--compress-algo", "none", "--output", "-")


def sealed(pieces: Iterable[bytes], tools: Tools, stop: Stop, recipients: Sequence[str]) -> Iterator[bytes]:
    """Raises Invalid (code "recipient_invalid") for a key that gpg does not take, NeedsOperator without gpg."""
    found = shutil.which("gpg")
    if found is None:
        raise NeedsOperator("there is no gpg here", code="gpg_missing", hint="Install gnupg, or use age.")
    with _home(tools) as home:
        argv = [found, *_BASE, "--homedir", str(home), *_CIPHER]
        for number, key in enumerate(recipients):
            argv += ["--recipient-file", str(_given(tools, home / f"key{number}.asc", key))]
        child = tools.run([*argv, "--trust-model", "always", "--encrypt"], stdin=True, stop=stop)
        yield from _through(child, pieces)


def _through(child: Child, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What the child makes of the pieces; they are fed from a thread, one at a time."""
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
            _ended(child)
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


def _ended(child: Child) -> None:
    try:
        child.wait(60)
    except Permanent as error:
        raise Invalid(f"gpg does not take this key: {error.message[-300:]}", code="recipient_invalid") from error


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

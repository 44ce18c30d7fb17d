"""Every combination that is offered is opened by the commands of its own RESTORE.md, byte for byte."""

from __future__ import annotations

import os
import pty
import random
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from holdfast.contract.conformance import MemorySource
from holdfast.contract.plain import Framed, Literal, PlainFile, Whole
from holdfast.formats import age as age_files
from holdfast.formats.age_hybrid import new_identity
from holdfast.formats.plain import openpgp
from holdfast.formats.plain.unsealing import WrongKey
from holdfast.hosts.launching import Launch
from holdfast.hosts.tools import ProcessTools
from holdfast.kernel.errors import Corrupt, Invalid
from holdfast.kernel.stop import Stop
from holdfast.vault.plain import gpg, tar
from holdfast.vault.plain.encoding import encoded
from holdfast.vault.plain.guide import guide
from holdfast.vault.plain.wish import FileWish

PASSPHRASE = "a 'pass\" phrase; $x `y` ü"
PACKINGS = ("none", "gzip", "zstd", "bzip2")
CONTENT = random.Random(5).randbytes(300_000) + b"the same again\n" * 20_000 + b"\0" * 65_537
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def source(**files: bytes) -> MemorySource:
    return MemorySource(None, {"one": CONTENT, **files}, {})  # type: ignore[arg-type] # nobody asks for its manifest


def plain() -> PlainFile:
    return PlainFile("raw", "bin", "some bytes", (Whole("one", len(CONTENT)),), ('cmp "$FILE" "$TARGET"',), ())


@pytest.fixture
def tools(tmp_path: Path) -> ProcessTools:
    place = tmp_path / "tools"
    place.mkdir(mode=0o700)
    return ProcessTools(None, place, Launch)


@pytest.fixture
def gnupg(tmp_path: Path) -> Iterator[Path]:
    """A home with one key, whose gpg asks nobody."""
    home = Path("/tmp") / f"hf-gpg-{os.getpid()}"
    home.mkdir(mode=0o700)
    (home / "phrase").write_text(PASSPHRASE)
    (home / "gpg.conf").write_text(f"batch\nno-tty\nquiet\npinentry-mode loopback\npassphrase-file {home}/phrase\n")
    ask = ["gpg", "--homedir", str(home)]
    try:
        subprocess.run(
            [*ask, "--quick-gen-key", "walk <walk@example.org>", "future-default", "default", "never"], check=True
        )
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)  # noqa: S607
        shutil.rmtree(home)


def made(tmp_path: Path, wish: FileWish, tools: ProcessTools) -> tuple[Path, str]:
    wish.check()
    path = tmp_path / "the file"
    path.write_bytes(b"".join(encoded(plain(), source(), wish, tools, Stop())))
    return path, guide(path.name, plain(), wish)


def run_blocks(text: str, tmp_path: Path, path: Path, **env: str) -> bytes:
    """The guide's `sh` blocks as they stand: what the first wrote is the FILE of the second."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    out, target = tmp_path / "out", tmp_path / "target"
    target.write_bytes(CONTENT)
    base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(tmp_path), "TARGET": str(target), **env}
    opened = path
    if len(blocks) == 2:
        asking = {**base, "FILE": str(path), "OUT": str(out)}
        done = subprocess.run(["sh", "-c", blocks[0]], env=asking, capture_output=True, timeout=60, check=False)  # noqa: S607
        assert done.returncode == 0, done.stderr.decode()
        opened = out
    subprocess.run(["sh", "-c", blocks[-1]], env={**base, "FILE": str(opened)}, check=True, timeout=60)  # noqa: S607
    return opened.read_bytes()


@pytest.mark.parametrize("packing", PACKINGS)
def test_not_encrypted(tmp_path, tools, packing) -> None:
    wish = FileWish(packing=packing)
    path, text = made(tmp_path, wish, tools)
    assert run_blocks(text, tmp_path, path) == CONTENT
    assert "NOT encrypted" in text
    again = b"".join(encoded(plain(), source(), wish, tools, Stop()))
    assert again == path.read_bytes(), "the same file each time"


@pytest.mark.parametrize("packing", PACKINGS)
def test_age_to_a_recipient(tmp_path, tools, packing) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "id").write_text(str(identity))
    path, text = made(
        tmp_path, FileWish(packing=packing, sealing="age", recipients=(str(identity.to_public()),)), tools
    )
    assert run_blocks(text, tmp_path, path, IDENTITY=str(tmp_path / "id")) == CONTENT


def test_age_to_a_post_quantum_recipient(tmp_path, tools) -> None:
    """Debian's age is too old for these: our own reader, which the age project's vectors hold to account."""
    identity, recipient = new_identity()
    path, _ = made(tmp_path, FileWish(packing="none", sealing="age", recipients=(recipient,)), tools)
    assert age_files.decrypt(path.read_bytes(), identities=[identity]) == CONTENT


def test_age_with_a_passphrase(tmp_path, tools) -> None:
    """`age` asks its terminal."""
    path, text = made(tmp_path, FileWish(packing="zstd", sealing="age", passphrase=PASSPHRASE), tools)
    block = re.findall(r"```sh\n(.*?)```", text, re.S)[0]
    out = tmp_path / "out"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("sh", ["sh", "-c", block], {**os.environ, "FILE": str(path), "OUT": str(out)})  # noqa: S606, S607
    with open(terminal, "rb+", buffering=0) as line:
        said = b""
        while b"passphrase" not in said:
            said += line.read(1000)
        line.write(PASSPHRASE.encode() + b"\n")
        try:
            while line.read(1000):
                pass
        except OSError:
            pass  # the terminal's other end is closed: it has ended
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert out.read_bytes() == CONTENT


@pytest.mark.slow
def test_aes256(tmp_path, tools) -> None:
    """Opened by openssl; with any bit altered refused before a byte comes out."""
    path, text = made(tmp_path, FileWish(packing="zstd", sealing="aes256", passphrase=PASSPHRASE), tools)
    assert run_blocks(text, tmp_path, path, PASSPHRASE=PASSPHRASE) == CONTENT
    (tmp_path / "out").unlink()
    content = bytearray(path.read_bytes())
    for at in (12, len(content) // 2, -1):
        content[at] ^= 1
        path.write_bytes(content)
        content[at] ^= 1
        with pytest.raises(AssertionError, match="altered"):
            run_blocks(text, tmp_path, path, PASSPHRASE=PASSPHRASE)
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_gpg(tmp_path, tools, gnupg) -> None:
    """Symmetric with each packing, and to a public key; nothing of the tool's home is left."""
    asked = {"GNUPGHOME": str(gnupg)}
    for packing in PACKINGS:
        path, text = made(tmp_path, FileWish(packing=packing, sealing="gpg", passphrase=PASSPHRASE), tools)
        assert run_blocks(text, tmp_path, path, **asked) == CONTENT
        (tmp_path / "out").unlink()
    export = ["gpg", "--homedir", str(gnupg), "--armor", "--export", "walk@example.org"]
    key = subprocess.run(export, capture_output=True, check=True).stdout.decode()
    path, text = made(tmp_path, FileWish(sealing="gpg", recipients=(key,)), tools)
    assert run_blocks(text, tmp_path, path, **asked) == CONTENT
    short = MemorySource(None, {"one": CONTENT[:1000]}, {})  # type: ignore[arg-type]
    with pytest.raises(Corrupt, match="early"):
        b"".join(encoded(plain(), short, FileWish(sealing="gpg", recipients=(key,)), tools, Stop()))
    with pytest.raises(Invalid, match="does not take this key"):
        made(tmp_path, FileWish(sealing="gpg", recipients=(key[:200],)), tools)
    assert list((tmp_path / "tools").iterdir()) == []


@pytest.mark.slow
def test_gpg_opens_what_gpg_made(tools: ProcessTools, gnupg: Path) -> None:
    """By a passphrase whoever made it; nothing of it stays, and what was sealed to a key is told apart."""
    ask = ["gpg", "--homedir", str(gnupg)]

    def theirs(*more: str) -> bytes:
        return subprocess.run([*ask, *more], input=CONTENT, capture_output=True, check=True).stdout

    def opened(file: bytes, passphrase: str = PASSPHRASE) -> bytes:
        pieces = (file[at : at + 65_536] for at in range(0, len(file), 65_536))
        return b"".join(gpg.opened(pieces, tools, Stop(), passphrase))

    for file in (theirs("-c"), theirs("-c", "--armor"), b"".join(openpgp.sealed([CONTENT], PASSPHRASE))):
        assert opened(file) == CONTENT
        for bad, word in ((file, "another one"), (file[: len(file) // 2], PASSPHRASE)):
            with pytest.raises(WrongKey, match="wrong passphrase, or it was altered"):
                opened(bad, word)
    with pytest.raises(gpg.ToPublicKey):
        opened(theirs("-e", "-r", "walk@example.org"))
    assert list(tools.scratch.iterdir()) == []


def test_a_source_that_dies_fails_the_file() -> None:
    """Never a short file that looks whole."""
    short = MemorySource(None, {"one": CONTENT[:1000]}, {})  # type: ignore[arg-type]
    for wish in (FileWish(), FileWish(sealing="gpg", passphrase=PASSPHRASE)):
        with pytest.raises(Corrupt, match="early"):
            b"".join(encoded(plain(), short, wish, None, Stop()))


def test_a_tar_of_all_entries(tmp_path) -> None:
    long = "data/" + "ü" * 90 + "/" + "x" * 200
    held = source(**{long: b"rows\n", "restore.sh": b"#!/bin/sh\n", "empty": b""})
    parts = tuple(tar.parts(held, {"RESTORE.md": b"read me"}, int(AT.timestamp())))
    whole = PlainFile("tar", "tar", "", parts, (), ())
    content = b"".join(whole.read(held))
    assert len(content) == whole.size
    path = tmp_path / "all.tar"
    path.write_bytes(content)
    subprocess.run(["tar", "-xf", str(path), "-C", str(tmp_path)], check=True)  # noqa: S607
    assert {name: (tmp_path / name).read_bytes() for name in held.files} == held.files
    assert (tmp_path / "RESTORE.md").read_bytes() == b"read me"
    assert os.access(tmp_path / "restore.sh", os.X_OK)
    with tarfile.open(path) as opened:
        assert opened.getnames()[0] == "RESTORE.md"
    for offset in (0, 1, 511, 512, 700, len(content) - 1):
        assert b"".join(whole.read(held, offset)) == content[offset:]


def test_parts_read_from_anywhere() -> None:
    held = source(empty=b"")
    parts = (Literal(b"head"), Framed("one", len(CONTENT), chunk=1000), Framed("empty", 0), Whole("one", 500, 20))
    whole = PlainFile("raw", "bin", "", parts, (), ())
    content = b"".join(whole.read(held))
    assert len(content) == whole.size
    numbers = random.Random(7)
    for offset in [0, 3, 4, 5, 8, 9, 1004, 1009, *(numbers.randrange(len(content)) for _ in range(200))]:
        assert b"".join(whole.read(held, offset)) == content[offset:]

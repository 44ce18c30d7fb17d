"""A store in a directory on an SFTP server (draft-ietf-secsh-filexfer-02, which is what OpenSSH speaks, with its own
extensions fsync@, posix-rename@ and statvfs@openssh.com where the server has them)."""

from __future__ import annotations

import asyncio
import posixpath
import re
import stat
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import NoReturn, TypeVar

import asyncssh
from asyncssh import SFTPAttrs, SFTPClient, SFTPError

from holdfast.kernel.errors import Conflict, DiskFull, HoldfastError, NeedsOperator, NotFound, Permanent
from holdfast.kernel.outbound_dial import words
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.ssh import SshLogin
from holdfast.vault.stores.base import Make, Pieces
from holdfast.vault.stores.local import STALE_SECONDS
from holdfast.vault.stores.sftp_line import Line
from holdfast.vault.stores.sftp_place import SftpPlace

T = TypeVar("T")
_Entries = list[tuple[str, SFTPAttrs]]
_Sizes = list[tuple[str, int]]
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_TMP = "tmp"
_MODE, _PRIVATE = 0o700, 0o600
_LEAST_FREE = 64 * 1024 * 1024  # a bare failure of a write beside less room than this is a full disk


def sftp_store(place: SftpPlace, *, key: str | None, password: str | None, policy: OutboundPolicy) -> SftpStore:
    """A store there. Connects at its first use, to judged addresses only."""
    target = place.target
    login = SshLogin(target.host, place.port, place.user, place.host_key, key=key, password=password)
    return SftpStore(place, Line(login, policy))


class SftpStore:
    """See `Store`. A piece is written beside, flushed where the server can (OpenSSH: fsync), and renamed to its name.
    The protocol cannot flush a directory: after a power cut at the server the newest renames are what its file system
    makes of them. Nothing is tried twice here: wrappers do that."""

    def __init__(self, place: SftpPlace, line: Line) -> None:
        self._place = place
        self.line = line
        self._made: set[str] = set()

    def put(self, name: str, pieces: Pieces) -> None:
        self._write(name, pieces, anew=False)

    def create(self, name: str, pieces: Pieces) -> None:
        """SFTP's own rename, unlike POSIX's, fails when the name is taken."""
        self._write(name, pieces, anew=True)

    def put_stream(self, name: str, make: Make, expected: int) -> None:  # noqa: ARG002  buckets need it
        path, temporary = self._path(name), self._path(f"{_TMP}/{uuid.uuid4().hex}")
        what = f"writing {name}"

        async def begin(client: SFTPClient) -> asyncssh.SFTPClientFile:
            await self._directory(client, posixpath.dirname(temporary))
            await self._directory(client, posixpath.dirname(path))
            return await client.open(temporary, "xb", SFTPAttrs(permissions=_PRIVATE))

        async def end(client: SFTPClient) -> None:
            await _flushed(file)
            await file.close()
            await _renamed_over(client, temporary, path)

        file, at = self._asked(begin, what), 0
        try:
            for data in make():
                self._asked(partial(_poured, file, data, at), what)
                at += len(data)
            self._asked(end, what)
        except BaseException:
            with suppress(HoldfastError):
                self.delete(temporary.removeprefix(f"{self._place.root}/"))
            raise

    def conditional(self) -> bool:
        """Does the server's rename refuse a name that is taken? Tried with pieces of our own."""
        name = f"{_TMP}/probe-{uuid.uuid4().hex}"
        try:
            self.create(name, [b"probe"])
            self.create(name, [b"probe"])
        except Conflict:
            return True
        finally:
            self.delete(name)
        return False

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        path = self._path(name)

        async def act(client: SFTPClient) -> bytes:
            if length == 0:
                await client.stat(path)
                return b""
            async with client.open(path, "rb") as file:
                return bytes(await file.read(-1 if length is None else length, offset))  # type: ignore[arg-type]  # opened as "rb"

        return self._asked(act, f"reading {name}")

    def size(self, name: str) -> int:
        path = self._path(name)

        async def act(client: SFTPClient) -> int:
            return int((await client.stat(path)).size or 0)

        return self._asked(act, f"looking at {name}")

    def exists(self, name: str) -> bool:
        path = self._path(name)

        async def act(client: SFTPClient) -> bool:
            return _is_file(await client.stat(path))

        try:
            return self._asked(act, f"looking at {name}")
        except NotFound:
            return False

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """All names below `prefix` are in memory while it is listed: some 100 bytes each."""
        top = _checked(prefix.rstrip("/"))
        for name, attrs in self._entries(top):
            if _is_directory(attrs):
                yield from ((f"{top}/{name}/{inner}", size) for inner, size in self._files(f"{top}/{name}"))
            elif _is_file(attrs):
                yield f"{top}/{name}", int(attrs.size or 0)

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        top = _checked(prefix.rstrip("/"))
        for name, attrs in self._entries(top):
            if _is_directory(attrs):
                yield from self.walk(f"{top}/{name}")
            elif _is_file(attrs):
                yield f"{top}/{name}", int(attrs.size or 0)

    def delete(self, name: str) -> None:
        path = self._path(name)

        async def act(client: SFTPClient) -> None:
            await client.remove(path)

        with suppress(NotFound):
            self._asked(act, f"deleting {name}")

    def sweep(self) -> None:
        """Temporary files nobody has written to for an hour, by the server's own clock."""
        mark = f"{_TMP}/clock-{uuid.uuid4().hex}"
        found = dict(self._entries(_TMP))
        if not found:
            return
        self.put(mark, [])
        try:
            now = dict(self._entries(_TMP))[posixpath.basename(mark)].mtime or 0
        finally:
            self.delete(mark)
        for name, attrs in found.items():
            if _is_file(attrs) and (attrs.mtime or now) < now - STALE_SECONDS:
                self.delete(f"{_TMP}/{name}")

    def free(self) -> int | None:
        """Bytes that are free there; None when the server does not tell."""

        async def act(client: SFTPClient) -> int | None:
            return await _free(client, self._place.path or "/")

        return self._asked(act, "asking for free space")

    def sees(self, path: str) -> bool:
        """Whether the login sees anything at an absolute path."""

        async def act(client: SFTPClient) -> bool:
            return bool(await client.exists(path))

        return self._asked(act, "looking around")

    def _write(self, name: str, pieces: Pieces, *, anew: bool) -> None:
        path, temporary = self._path(name), self._path(f"{_TMP}/{uuid.uuid4().hex}")
        data = b"".join(pieces)

        async def act(client: SFTPClient) -> None:
            await self._directory(client, posixpath.dirname(temporary))
            await self._directory(client, posixpath.dirname(path))
            try:
                await _written(client, temporary, data)
                if anew:
                    await _renamed_anew(client, temporary, path)
                else:
                    await _renamed_over(client, temporary, path)
            except BaseException:
                with suppress(SFTPError):
                    await asyncio.shield(client.remove(temporary))
                raise

        self._asked(act, f"writing {name}")

    async def _directory(self, client: SFTPClient, path: str) -> None:
        """Made below the place's own path, never that path itself: a wrong one is an error, not a new directory."""
        if path in self._made:
            return
        at = self._place.path.rstrip("/")
        for part in path.removeprefix(at).strip("/").split("/"):
            at = f"{at}/{part}"
            if at in self._made:
                continue
            try:
                await client.mkdir(at, SFTPAttrs(permissions=_MODE))
            except SFTPError:
                if not await client.isdir(at):
                    raise
            self._made.add(at)

    def _entries(self, name: str) -> _Entries:
        path = f"{self._place.root}/{name}"

        async def act(client: SFTPClient) -> _Entries:
            return [(str(each.filename), each.attrs) async for each in client.scandir(path)]

        try:
            found = self._asked(act, f"listing {name}")
        except NotFound:
            return []
        return [(each, attrs) for each, attrs in found if each not in (".", "..")]

    def _files(self, name: str) -> _Sizes:
        return [(each, int(attrs.size or 0)) for each, attrs in self._entries(name) if _is_file(attrs)]

    def _path(self, name: str) -> str:
        return f"{self._place.root}/{_checked(name)}"

    def _asked(self, act: Callable[[SFTPClient], Awaitable[T]], what: str) -> T:
        try:
            return self.line.call(act)
        except SFTPError as error:
            self._raise(error, what)

    def _raise(self, error: SFTPError, what: str) -> NoReturn:
        if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
            if what.startswith("writing"):
                self._made.clear()
                raise NotFound(
                    f"{what}: there is no directory {self._place.path or '/'} on {self._place.host}",
                    code="bucket_missing",
                    hint="Make it there, or correct the path; a login with a root of its own sees paths below that.",
                ) from error
            raise NotFound(f"{what}: it is not there", code="piece_missing") from error
        if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
            raise NeedsOperator(
                f"{what}: the server does not allow it",
                code="store_denied",
                hint=f"Make {self._place.root or '/'} readable and writable for {self._place.user}.",
            ) from error
        if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
            raise _full(what) from error
        raise HoldfastError(f"{what}: the server answered {words(error)}", code="store_failed") from error


async def _written(client: SFTPClient, path: str, data: bytes) -> None:
    async with client.open(path, "xb", SFTPAttrs(permissions=_PRIVATE)) as file:
        await _poured(file, data, 0, client)
        await _flushed(file)


async def _poured(file: asyncssh.SFTPClientFile, data: bytes, at: int, client: SFTPClient) -> None:
    try:
        await file.write(data, at)
    except asyncssh.SFTPFailure as error:  # all that version 3 has for a full disk
        free = await _free(client, file)
        if free is not None and free < len(data) + _LEAST_FREE:
            raise _full("writing") from error
        raise


async def _flushed(file: asyncssh.SFTPClientFile) -> None:
    with suppress(asyncssh.SFTPOpUnsupported):
        await file.fsync()


async def _renamed_anew(client: SFTPClient, temporary: str, path: str) -> None:
    try:
        await client.rename(temporary, path)
    except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists) as error:
        if await client.exists(path):
            raise Conflict(f"{posixpath.basename(path)} is there already", code="piece_exists") from error
        raise


async def _renamed_over(client: SFTPClient, temporary: str, path: str) -> None:
    """Where the server cannot replace in one step, a piece that is written again is away for a moment."""
    try:
        await client.posix_rename(temporary, path)
    except asyncssh.SFTPOpUnsupported:
        with suppress(asyncssh.SFTPNoSuchFile):
            await client.remove(path)
        await client.rename(temporary, path)


async def _free(client: SFTPClient, at: str | asyncssh.SFTPClientFile) -> int | None:
    """Bytes free around a path or an open file; None when the server does not tell."""
    try:
        found = await (client.statvfs(at) if isinstance(at, str) else at.statvfs())
    except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure):
        return None
    return int(found.bavail * found.frsize)


def _full(what: str) -> DiskFull:
    return DiskFull(f"{what}: no room left on the server", hint="free some space there; nothing half-written was kept")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Permanent(f"not a name of a piece: {name!r}")
    return name


def _is_file(attrs: SFTPAttrs) -> bool:
    return attrs.permissions is not None and stat.S_ISREG(attrs.permissions)


def _is_directory(attrs: SFTPAttrs) -> bool:
    return attrs.permissions is not None and stat.S_ISDIR(attrs.permissions)

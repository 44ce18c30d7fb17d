"""TLS over any pair of byte streams: a socket's or an SSH channel's.

The client certificate's key is a private file (0600, in a directory of our own) only while OpenSSL reads it: Python
takes it from nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from holdfast.hosts.external import reasons
from holdfast.hosts.external.record import CA, CERTIFICATE, KEY, Tls

_CHUNK = 1 << 18


class Reader(Protocol):
    async def read(self, n: int = -1) -> bytes: ...


class Writer(Protocol):
    def write(self, data: bytes) -> object: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...


def context_of(tls: Tls, secrets: Mapping[str, str], private: Path) -> ssl.SSLContext:
    """Raises NeedsOperator (code "tls_material"). Only for modes other than "disable"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.mode == "verify-full"
    context.verify_mode = ssl.CERT_NONE if tls.mode == "require" else ssl.CERT_REQUIRED
    try:
        if tls.ca:
            context.load_verify_locations(cadata=secrets[CA])
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if tls.client:
            _load_client(context, secrets[CERTIFICATE], secrets[KEY], private)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise reasons.bad_material(error) from error
    return context


def _load_client(context: ssl.SSLContext, certificate: str, key: str, private: Path) -> None:
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=private, prefix="tls-")  # 0600 from its first byte
    try:
        with os.fdopen(number, "w") as file:
            file.write(certificate.strip() + "\n" + key.strip() + "\n")
        context.load_cert_chain(name, password=_no_passphrase)
    finally:
        os.unlink(name)


def _no_passphrase() -> str:
    """Asked only for an encrypted key; without this OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted with a passphrase")


class Encrypted:
    """Implements Reader and Writer on top of another pair."""

    def __init__(self, reader: Reader, writer: Writer, context: ssl.SSLContext, host: str) -> None:
        self._reader, self._writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._sending = asyncio.Lock()

    async def handshake(self) -> None:
        """Raises ssl.SSLError, ConnectionError at an early end."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._more()
            else:
                await self._flush()
                return

    async def read(self, n: int = -1) -> bytes:
        """b"" at the end, also where the peer forgot to say goodbye: the protocols inside know their own ends."""
        while True:
            try:
                return self._tls.read(_CHUNK if n < 0 else n)
            except ssl.SSLWantReadError:
                await self._flush()
                try:
                    await self._more()
                except ConnectionError:
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    def write(self, data: bytes) -> None:
        self._tls.write(data)

    async def drain(self) -> None:
        await self._flush()

    def close(self) -> None:
        self._writer.close()

    async def _more(self) -> None:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise ConnectionError("the connection ended within TLS")
        self._in.write(data)

    async def _flush(self) -> None:
        async with self._sending:
            while data := self._out.read():
                self._writer.write(data)
                await self._writer.drain()

"""A PostgreSQL server that is not ours: its URL, and how its protocol begins.

Messages as in https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import struct
from urllib.parse import parse_qsl, unquote, urlsplit

from holdfast.contract.external import TLS_MODES, Address, ExternalTraits, Opening, TlsMode, url_invalid
from holdfast.kernel.errors import Invalid

PORT = 5432
TRAITS = ExternalTraits(default_port=PORT, default_database="postgres", default_user="postgres")
_PLUS, _PLAIN = b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"
_CANCEL = struct.pack("!i", 80877102)  # CancelRequest: the server closes without a word
_LARGEST = 30_000  # bytes of one message before login; libpq refuses longer ones as no PostgreSQL


def parse(url: str) -> Address:
    """postgresql://USER:PASS@host:port/database?sslmode=verify-full, and no other option: `options`, `service`,
    `passfile`, `sslkey` and their kind name files of ours or change what a session means. Raises Invalid."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise _invalid(str(error)) from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise _invalid("it must begin with postgresql://")
    host = parts.netloc.rpartition("@")[2].lower()
    if not parts.hostname or "," in host or "%" in host or parts.fragment:
        raise _invalid("it must name one host, and no socket directory")
    return Address(
        host=parts.hostname,
        port=port,
        database=unquote(parts.path.removeprefix("/")) or None,
        user=_text(parts.username),
        password=_text(parts.password),
        tls=_tls(parts.query),
    )


def _tls(query: str) -> TlsMode | None:
    found: TlsMode | None = None
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key != "sslmode":
            raise Invalid(
                f"the URL's option {key[:40]!r} is not taken",
                code="url_option",
                hint="Only sslmode is; certificates, keys and everything else are fields of their own.",
                details={"fields": [{"field": "url", "message": f"option {key[:40]!r} is not taken"}]},
            )
        known: dict[str, TlsMode | None] = {mode: mode for mode in TLS_MODES}
        known |= {"prefer": None, "allow": None}
        if value not in known:
            raise _invalid(f"sslmode is one of {', '.join(TLS_MODES)}")
        found = known[value]
    return found


def _text(part: str | None) -> str | None:
    return None if part is None else unquote(part)


def _invalid(message: str) -> Invalid:
    return url_invalid("a PostgreSQL server", message, "postgresql://USER:PASS@host:5432/database?sslmode=verify-full")


class PostgresqlWire:
    """Implements Wire."""

    ask = struct.pack("!ii", 8, 80877103)  # SSLRequest
    granted = b"S"
    socket = f".s.PGSQL.{PORT}"

    def refusal(self, reason: str) -> bytes:
        text = reason.replace("\0", "").encode()
        fields = b"SFATAL\0VFATAL\0C08006\0M" + text + b"\0\0"
        return b"E" + struct.pack("!i", 4 + len(fields)) + fields

    def answered(self, first: bytes) -> bool:
        return first[4:8] != _CANCEL

    def opening(self) -> Opening:
        return _PlainOnly()


class _PlainOnly:
    """Takes SCRAM with channel binding out of the server's offer: the client does not hold the TLS it would bind to,
    and libpq rightly refuses such an offer on a line without TLS."""

    def __init__(self) -> None:
        self._held = b""
        self.over = False

    def feed(self, data: bytes) -> bytes:
        if self.over:
            return data
        self._held += data
        out = b""
        while not self.over and len(self._held) >= 5:
            size = 1 + int(struct.unpack("!i", self._held[1:5])[0])
            if not 5 <= size <= _LARGEST:
                self.over = True
                break
            if len(self._held) < size:
                return out
            message, self._held = self._held[:size], self._held[size:]
            self.over = message[:1] != b"v"  # NegotiateProtocolVersion may come first
            out += _without_plus(message)
        if self.over:
            out, self._held = out + self._held, b""
        return out


def _without_plus(message: bytes) -> bytes:
    """AuthenticationSASL ("R", 10) without the mechanism; everything else as it is."""
    if message[:1] != b"R" or message[5:9] != struct.pack("!i", 10):
        return message
    names = [name for name in message[9:].split(b"\0") if name and name != _PLUS]
    body = struct.pack("!i", 10) + b"".join(name + b"\0" for name in names or [_PLAIN]) + b"\0"
    return b"R" + struct.pack("!i", 4 + len(body)) + body


WIRE = PostgresqlWire()

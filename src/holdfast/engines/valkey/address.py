"""A Valkey or Redis server that is not ours: its URL, and how its protocol begins (valkey.io/topics/protocol)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from holdfast.contract.external import Address, ExternalTraits, Opening, TlsMode, url_invalid
from holdfast.engines.valkey.foreign import AWAY
from holdfast.engines.valkey.plan import SOCKET
from holdfast.kernel.errors import Invalid

PORT = 6379
WHOLE = "0"  # what a URL may name: the server is registered whole, its other numbers are reached by `-n`
TRAITS = ExternalTraits(default_port=PORT, default_database=WHOLE, default_user="default", only_database=WHOLE)

_SCHEMES: dict[str, TlsMode] = {
    "valkey": "disable",
    "redis": "disable",
    "valkeys": "verify-full",
    "rediss": "verify-full",
}


def parse(url: str) -> Address:
    """redis://USER:PASS@host:6379/0; rediss:// and valkeys:// ask for TLS. No option is taken. Raises Invalid."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise _invalid(str(error)) from None
    tls = _SCHEMES.get(parts.scheme)
    if tls is None:
        raise _invalid("it must begin with valkey://, redis:// or rediss://")
    host = parts.netloc.rpartition("@")[2].lower()
    if not parts.hostname or "," in host or "%" in host or parts.fragment:
        raise _invalid("it must name one host, and no socket")
    if parts.query:
        raise Invalid(
            "options in the URL are not taken",
            code="url_option",
            hint="TLS mode, certificates and keys are fields of their own.",
            details={"fields": [{"field": "url", "message": "options are not taken"}]},
        )
    number = unquote(parts.path.removeprefix("/"))
    if number not in ("", WHOLE):
        raise _invalid("the server is registered whole: leave the number out, and say -n 3 before a command")
    return Address(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=tls,
    )


def _invalid(message: str) -> Invalid:
    return url_invalid("a Valkey server", message, "rediss://USER:PASS@host:6379")


class ValkeyWire:
    """Implements Wire: TLS comes before the first word."""

    ask = b""
    granted = b""
    socket = SOCKET

    def refusal(self, reason: str) -> bytes:
        return f"-{AWAY} {' '.join(reason.split())}\r\n".encode()

    def answered(self, first: bytes) -> bool:  # noqa: ARG002
        return True

    def opening(self) -> Opening:
        return _Open()


class _Open:
    """Nothing in the first bytes depends on TLS."""

    over = True

    def feed(self, data: bytes) -> bytes:
        return data


WIRE = ValkeyWire()

"""How PostgreSQL's protocol asks for TLS (protocol documentation, sections "SSL Session Encryption" and "GSSAPI")."""

from __future__ import annotations

from holdfast.contract.front import Front

_FIELDS = b"SFATAL\0VFATAL\0C28000\0Mthis door speaks TLS only: connect with sslmode=require or stricter\0\0"
FRONT = Front(
    request=b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    accept=b"S",
    declines={b"\x00\x00\x00\x08\x04\xd2\x16\x30": b"N"},
    refusal=b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS,
    alpn=("postgresql",),
)


class Fronts:
    """Implements CanFront."""

    def front(self) -> Front:
        return FRONT

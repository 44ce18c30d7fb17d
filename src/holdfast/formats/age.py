"""age files: encrypted to recipients or to a passphrase, opened with stock `age` or `rage` as well as here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyrage

from holdfast.formats import age_hybrid
from holdfast.formats.age_hybrid import NotForUs

__all__ = ["NotForUs", "decrypt", "encrypt", "encrypt_with_passphrase", "identities_in", "kind_of"]

_KINDS: tuple[tuple[str, str], ...] = (
    ("age1pq1", "hybrid"),  # ML-KEM-768 + X25519, own code
    ("age1tagpq1", "hybrid-hardware"),  # ML-KEM-768 + P-256 on a token, opened through its plugin
    ("age1tag1", "hardware"),
    ("age1", "x25519"),
    ("ssh-ed25519 ", "ssh"),
    ("ssh-rsa ", "ssh"),
)
_READERS: dict[str, Callable[[str], Any]] = {
    "hybrid-hardware": pyrage.tagpq.Recipient.from_str,
    "hardware": pyrage.tag.Recipient.from_str,
    "x25519": pyrage.x25519.Recipient.from_str,
    "ssh": pyrage.ssh.Recipient.from_str,
}


def kind_of(recipient: str) -> str:
    """hybrid, hybrid-hardware, hardware, x25519 or ssh. Raises ValueError, which says what is wrong with it."""
    text = recipient.strip()
    kind = next((kind for start, kind in _KINDS if text.startswith(start)), None)
    if kind is None:
        raise ValueError("a recipient begins with age1 or ssh-; plugins other than tag and tagpq are not supported")
    try:
        if kind == "hybrid":
            age_hybrid.recipient(text)
        else:
            _READERS[kind](text)
    except (ValueError, pyrage.RecipientError) as error:
        raise ValueError(f"this is no {kind} recipient: {error}") from None
    return kind


def encrypt(content: bytes, recipients: Sequence[str]) -> bytes:
    """An armored file any one of `recipients` opens. Raises ValueError: none, unknown, or post-quantum beside others.

    Mixed, the weaker recipient would open the file to whoever breaks it, and age refuses that too.
    """
    kinds = {kind_of(each) for each in recipients}
    if not kinds:
        raise ValueError("name at least one recipient")
    if len({kind.startswith("hybrid") for kind in kinds}) > 1:
        raise ValueError("post-quantum recipients are not mixed with others: make two files")
    if kinds == {"hybrid"}:
        return age_hybrid.encrypt(content, [each.strip() for each in recipients])
    if "hybrid" in kinds:
        raise ValueError("age1pq and age1tagpq recipients cannot be in one file here: make two files")
    found = [_READERS[kind_of(each)](each.strip()) for each in recipients]
    return bytes(pyrage.encrypt(content, found, armored=True))


def encrypt_with_passphrase(content: bytes, passphrase: str) -> bytes:
    """An armored file; scrypt takes about a second by design, on both ends."""
    return bytes(pyrage.passphrase.encrypt(content, passphrase, armored=True))


def decrypt(file: bytes, *, identities: Sequence[str] = (), passphrase: str | None = None) -> bytes:
    """The content. `identities`: lines of age identity files (hybrid or not), or whole unencrypted ssh private keys.

    Raises NotForUs: wrong key or passphrase, altered, or no age file.
    """
    try:
        if passphrase is not None:
            return bytes(pyrage.passphrase.decrypt(file, passphrase))
        hybrid = [each for each in identities if each.upper().startswith("AGE-SECRET-KEY-PQ-1")]
        if hybrid:
            return age_hybrid.decrypt(file, hybrid)
        return bytes(pyrage.decrypt(file, [_identity(each) for each in identities]))
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise NotForUs(str(error)) from None
    except NotForUs:
        raise
    except ValueError as error:
        raise NotForUs(str(error)) from None


def identities_in(text: str) -> list[str]:
    """The identities of an identity file (comments left out), or the one ssh private key it is."""
    if text.lstrip().startswith("-----BEGIN"):
        return [text]
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _identity(text: str) -> Any:
    if text.startswith("-----BEGIN"):
        return pyrage.ssh.Identity.from_buffer(text.encode())
    return pyrage.x25519.Identity.from_str(text)

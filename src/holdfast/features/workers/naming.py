"""What a worker's slug, its variables and its own hosts may be called."""

from __future__ import annotations

import re
import unicodedata

from holdfast.kernel.errors import Invalid

_OURS = """
admin api app apps assets auth cdn console control dashboard docs ftp health holdfast internal localhost login
mail metrics ns ns1 ns2 oauth pages run s3 smtp sso static status support system www"""
RESERVED = frozenset(_OURS.split())
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_DIGITS = re.compile(r"[0-9.]+|.*:.*")


def slug_of(name: str) -> str:
    """A slug out of a name; may be empty or taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")


def checked_slug(slug: str) -> str:
    """A host label that none of ours needs. Raises Invalid."""
    if not _SLUG.fullmatch(slug) or "--" in slug[2:4]:  # xn--... would show as other letters
        raise _invalid("slug", "1-63 of a-z, 0-9 and -, not at either end")
    if slug in RESERVED:
        raise _invalid("slug", f"{slug!r} is reserved")
    return slug


def checked_variable(name: str) -> str:
    """Raises Invalid."""
    if not _VARIABLE.fullmatch(name):
        raise _invalid("name", "a letter or _, then at most 63 letters, digits or _")
    if name.upper().startswith("HOLDFAST_"):
        raise _invalid("name", "names that begin with HOLDFAST_ are ours")
    return name


def checked_host(host: str) -> str:
    """A fully qualified name in its ASCII form, lower case. Raises Invalid for addresses and single labels."""
    try:
        plain = host.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        plain = ""
    labels = plain.split(".")
    if len(plain) > 253 or len(labels) < 2 or _DIGITS.fullmatch(plain) or not all(map(_LABEL.fullmatch, labels)):
        raise _invalid("host", "a full name such as api.example.org")
    if labels[-1] in ("localhost", "local", "internal", "arpa", "onion", "invalid", "test"):
        raise _invalid("host", f"names below .{labels[-1]} are nobody's to prove")
    return plain


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(
        f"{field}: {message}", code=f"{field}_invalid", details={"fields": [{"field": field, "message": message}]}
    )

"""The pages on security say what the code does: their numbers are the code's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.features.access import lockout, service
from holdfast.features.access.accounts import invites, passwords, recovery
from holdfast.features.access.sso.id_token import MIN_RSA_BITS
from holdfast.features.access.tokens import access_token
from holdfast.features.access.tokens import service as tokens
from holdfast.features.limits.words import SHIPPED
from holdfast.kernel import crypto
from holdfast.web import sse

PAGES = Path(__file__).parents[2] / "docs"
SIGNING_IN = (PAGES / "security" / "signing-in.md").read_text()
DATA_AND_KEYS = (PAGES / "security" / "data-and-keys.md").read_text()


def words(span: timedelta) -> str:
    """`15 minutes`, `12 hours`, `7 days`: as the pages write it."""
    seconds = int(span.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}" + ("s" if seconds != size else "")
    raise AssertionError(span)


@pytest.mark.parametrize(
    "span",
    [
        service.SESSION_LIFE,
        service.SESSION_IDLE,
        service.STEP_UP_LIFE,
        service.LINK_LIFE,
        lockout.LONGEST,
        lockout.FORGOTTEN_AFTER,
        invites.INVITE_LIFE,
        recovery.RESET_LIFE,
        access_token.LIFE,
        tokens.IDLE,
        tokens.FAMILY_LIFE,
        timedelta(seconds=sse.RECHECK_SECONDS),
    ],
    ids=words,
)
def test_lifetimes_are_as_documented(span) -> None:
    """Sessions, links, tokens, waits: ASVS 6.1.1, 7.1.1."""
    said = {words(span), "24 hours" if span == timedelta(days=1) else words(span)}
    assert any(each in SIGNING_IN.replace("**", "") for each in said), words(span)


def test_guessing_is_slowed_as_documented() -> None:
    """And how nobody is shut out by others (ASVS 6.1.1)."""
    assert f"**{lockout.FREE_ATTEMPTS}** wrong passwords" in SIGNING_IN
    assert f"{passwords.MIN} to {passwords.MAX} characters" in SIGNING_IN
    assert f"waits after {lockout.FREE_OF_ADDRESS}" in SIGNING_IN
    assert f"an account after {lockout.FREE_OF_ACCOUNT}" in SIGNING_IN
    assert f"one address adds {lockout.SHARE_OF_ADDRESS}" in SIGNING_IN
    assert "makes an account wait on purpose" in SIGNING_IN


def test_every_way_in_is_on_the_page() -> None:
    """Each kind of actor and credential the code knows (ASVS 6.1.3, 7.1.3)."""
    for way in (
        "password",
        "passkey",
        "OpenID Connect",
        "API key",
        "access token",
        "refresh token",
        "admin.sock",
        "first-run",
        "invite",
    ):
        assert way in SIGNING_IN, way


def test_the_context_words_are_on_the_page() -> None:
    """What a password must not be made of (ASVS 6.1.2)."""
    people = (PAGES / "how-to" / "people.md").read_text()
    for page in (SIGNING_IN, people):
        assert "`holdfast`" in page
        assert "domain" in page


def test_the_inventory_of_keys_names_the_algorithms_in_use() -> None:
    """ASVS 11.1.1 and 11.1.2."""
    for name in ("Argon2id", "AES-256-GCM", "HKDF-SHA256", "HMAC-SHA256", "scrypt", "Poly1305", "SHA-256"):
        assert name in DATA_AND_KEYS, name
    assert crypto.ALGORITHM == "aes256gcm"
    assert access_token.ALGORITHM in DATA_AND_KEYS
    assert f"RSA of {MIN_RSA_BITS} bits" in DATA_AND_KEYS


@pytest.mark.parametrize("heading", ["Classes of data", "Keys", "Connections", "Logs", "What costs much", "Components"])
def test_the_page_on_data_has(heading) -> None:
    """ASVS 13.1.1, 14.1.1, 14.1.2, 15.1.1, 15.1.3, 16.1.1."""
    assert f"\n## {heading}\n" in DATA_AND_KEYS


@pytest.mark.parametrize("what", ["calls", "burst", "backups", "downloads"])
def test_the_limits_are_as_documented(what) -> None:
    """Per key, person, project and address (ASVS 2.1.3)."""
    page = (PAGES / "how-to" / "limits.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{what}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    for cell, subject in zip(cells, ("key", "user", "project", "address"), strict=True):
        limit = SHIPPED[subject].get(what)
        assert cell == ("" if limit is None else f"{limit.amount:,}"), (subject, what)

"""Passkeys (WebAuthn level 2): options for the browser, and what its answer is worth.

User verification is required everywhere, so that a passkey is two factors by itself; attestation is not asked for:
nobody here would judge by it. A counter that does not rise means a copied authenticator: refused.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import webauthn
from webauthn.helpers import bytes_to_base64url, options_to_json
from webauthn.helpers.base64url_to_bytes import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from holdfast.features.access.factors.challenges import LIFE, Challenge
from holdfast.features.access.factors.model import Passkey, Site
from holdfast.features.access.factors.model import passkeys as table
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id

MOST = 20
_VERIFIED = UserVerificationRequirement.REQUIRED
_TIMEOUT_MS = int(LIFE.total_seconds() * 1000)
_MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Used:
    """A right answer. `cloned`: right but for its counter, which was there before."""

    passkey: Passkey
    cloned: bool = False


def require_name(site: Site | None) -> Site:
    """Raises Conflict("passkeys_need_name"): browsers bind passkeys to a domain, never to an address."""
    name = site.rp_id if site else ""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        if site is not None and name:
            return site
    raise Conflict(
        "passkeys need a host name, not an address",
        code="passkeys_need_name",
        hint="Open Holdfast as http://localhost:PORT on this machine, or by its https name.",
    )


def usable(conn: sa.Connection, user_id: str, site: Site | None) -> list[Passkey]:
    """Those that a browser at `site` can use."""
    return [key for key in of(conn, user_id) if site is not None and key.rp_id == site.rp_id]


def creation_options(site: Site, user_id: str, email: str, known: Sequence[Passkey], challenge: Challenge) -> Any:
    """For `navigator.credentials.create`, as JSON."""
    made = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Holdfast",
        user_name=email,
        user_id=user_id.encode(),
        challenge=challenge.challenge,
        timeout=_TIMEOUT_MS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
        ),
        exclude_credentials=_described(known),
    )
    return json.loads(options_to_json(made))


def request_options(site: Site, known: Sequence[Passkey], challenge: Challenge) -> Any:
    """For `navigator.credentials.get`, as JSON. None known: the browser offers what it has for this site."""
    made = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge.challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=_described(known),
        user_verification=_VERIFIED,
    )
    return json.loads(options_to_json(made))


def register(
    conn: sa.Connection,
    user_id: str,
    name: str,
    answer: Mapping[str, Any],
    challenge: bytes,
    site: Site,
    now: datetime,
) -> Passkey:
    """Raises Invalid("passkey_invalid") for an answer that does not hold, Conflict("passkey_known")."""
    try:
        found = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _MALFORMED:
        raise invalid() from None
    made = Passkey(
        id=new_id("psk"),
        user_id=user_id,
        credential_id=bytes_to_base64url(found.credential_id),
        public_key=bytes_to_base64url(found.credential_public_key),
        sign_count=found.sign_count,
        rp_id=site.rp_id,
        name=name,
        transports=[str(each) for each in answer.get("response", {}).get("transports") or ()],
        backed_up=found.credential_backed_up,
        created_at=now,
        last_used_at=None,
    )
    if by_credential(conn, made.credential_id) is not None:
        raise Conflict("this passkey is registered already", code="passkey_known")
    conn.execute(table.insert().values(**vars(made)))
    return made


def use(
    conn: sa.Connection, answer: Mapping[str, Any], challenge: bytes, site: Site, now: datetime, user_id: str | None
) -> Used | None:
    """Whose it is, when the answer holds. `user_id`: only that account's count."""
    known = by_credential(conn, str(answer.get("id", "")))
    if known is None or known.rp_id != site.rp_id or user_id not in (None, known.user_id):
        return None
    try:
        found = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=0,  # judged below: a copy is a fact of its own
            require_user_verification=True,
        )
        handle = answer.get("response", {}).get("userHandle")
        if handle and base64url_to_bytes(handle) != known.user_id.encode():
            return None
    except _MALFORMED:
        return None
    count = found.new_sign_count
    if (count or known.sign_count) and count <= known.sign_count:
        return Used(known, cloned=True)
    unmoved = sa.and_(table.c.id == known.id, table.c.sign_count == known.sign_count)
    values = {"sign_count": count, "backed_up": found.credential_backed_up, "last_used_at": now}
    if conn.execute(table.update().where(unmoved).values(**values)).rowcount != 1:
        return None
    return Used(known)


def of(conn: sa.Connection, user_id: str) -> list[Passkey]:
    rows = conn.execute(sa.select(table).where(table.c.user_id == user_id).order_by(table.c.id))
    return [Passkey(**row._mapping) for row in rows]


def by_id(conn: sa.Connection, passkey_id: str) -> Passkey | None:
    row = conn.execute(sa.select(table).where(table.c.id == passkey_id)).first()
    return None if row is None else Passkey(**row._mapping)


def by_credential(conn: sa.Connection, credential_id: str) -> Passkey | None:
    row = conn.execute(sa.select(table).where(table.c.credential_id == credential_id)).first()
    return None if row is None else Passkey(**row._mapping)


def rename(conn: sa.Connection, passkey_id: str, name: str) -> None:
    conn.execute(table.update().where(table.c.id == passkey_id).values(name=name))


def remove(conn: sa.Connection, passkey_id: str) -> None:
    conn.execute(table.delete().where(table.c.id == passkey_id))


def remove_all(conn: sa.Connection, user_id: str) -> int:
    return conn.execute(table.delete().where(table.c.user_id == user_id)).rowcount


def invalid() -> Invalid:
    return Invalid(
        "this passkey answer does not hold",
        code="passkey_invalid",
        hint="Ask for new options and try again: a challenge works once, for five minutes, in the session it was for.",
    )


def _described(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in known]

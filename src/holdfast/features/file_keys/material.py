"""What a new key is made of, checked, or tried with the service that has it."""

from __future__ import annotations

import secrets as tokens
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.features.file_keys.kinds import HOLDS, MATERIAL, source_of, wrapper_of
from holdfast.features.file_keys.ring import recipient_of
from holdfast.features.file_keys.wrapping import Credential, KeySource, KeyWrapper
from holdfast.formats.plain import age_stream
from holdfast.formats.plain.openpgp_keys import public_key
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Invalid, Permanent
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.plain.keys import IDENTITY
from holdfast.vault.plain.wish import MOST_RECIPIENTS, FileWish


@dataclass(frozen=True)
class Material:
    """`secrets`: by their names. `fingerprint`: of a public half; a passphrase has none, it would help to guess it."""

    fingerprint: str | None = None
    recipients: Sequence[str] = ()
    place: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    credential: bool = False


def local(kind: str, recipients: Sequence[str], armored: str | None, material: str | None) -> Material:
    """Of a key that we keep ourselves. Raises Invalid."""
    _only(kind, recipients, armored, material)
    if kind == "age":
        return _to_age(recipients)
    if kind == "gpg":
        return _to_gpg(armored or "")
    if kind == "age-identity":
        secret = (material or age_stream.new_identity()).strip()
        recipient = _recipient(secret)
        return Material(recipient, (recipient,), secrets={MATERIAL: secret})
    secret = (material or tokens.token_urlsafe(32)).strip("\r\n")
    FileWish(sealing="aes256", passphrase=secret).check()
    if secret.upper().startswith(IDENTITY):
        raise _wrong("material", "an age identity is of kind age-identity")
    return Material(secrets={MATERIAL: secret})


def tried(
    kind: str, name: str, place: Mapping[str, Any], credential: Credential, policy: OutboundPolicy, clock: Clock
) -> Material:
    """Of a key that a service has: asked for, or something wrapped and opened again. Raises as `KeyWrapper` does."""
    kept = {field: value for field, value in place.items() if value and field != HOLDS}
    source = source_of(kind, kept, credential, policy)
    wrapper = wrapper_of(kind, name, kept, credential, policy, clock)
    try:
        if source is not None:
            return _fetched(source, kept, credential)
        assert wrapper is not None  # noqa: S101 - the kinds with a credential have one of the two
        _round(wrapper)
        return Material(place=kept, secrets=credential, credential=True)
    finally:
        for each in (source, wrapper):
            if each is not None:
                each.close()


def _fetched(source: KeySource, place: Mapping[str, Any], credential: Credential) -> Material:
    text = source.fetch().text
    if text.startswith(IDENTITY):
        recipient = recipient_of(text)
        return Material(recipient, (), {**place, HOLDS: "identity"}, credential, credential=True)
    FileWish(sealing="aes256", passphrase=text).check()
    return Material(None, (), {**place, HOLDS: "passphrase"}, credential, credential=True)


def _round(wrapper: KeyWrapper) -> None:
    secret = tokens.token_urlsafe(32).encode()
    wrapped = wrapper.wrap(secret)
    if wrapper.unwrap(wrapped, wrapper.describe(wrapped).where) != secret:
        raise Permanent("the service opened something else than it wrapped", code="file_key_changed")


def _to_age(recipients: Sequence[str]) -> Material:
    given = tuple(dict.fromkeys(each.strip() for each in recipients))
    if len(given) > MOST_RECIPIENTS:
        raise _wrong("recipients", f"at most {MOST_RECIPIENTS}")
    try:
        age_stream.check_recipients(given)
    except ValueError as error:
        raise _wrong("recipients", str(error)) from None
    return Material(", ".join(given), given)


def _to_gpg(armored: str) -> Material:
    try:
        found = public_key(armored)
    except ValueError as error:
        raise _wrong("public_key", str(error)) from None
    return Material(found.fingerprint, (armored.strip() + "\n",), {"names": list(found.names)})


def _recipient(identity: str) -> str:
    if len(identity.split()) != 1:
        raise _wrong("material", "one identity: AGE-SECRET-KEY-1...")
    try:
        return recipient_of(identity)
    except Permanent as error:
        raise _wrong("material", error.message) from None


def _only(kind: str, recipients: Sequence[str], armored: str | None, material: str | None) -> None:
    """What belongs to another kind is refused: it would be thought to count."""
    given = {"recipients": bool(recipients), "public_key": bool(armored), "material": bool(material)}
    takes = {"age": "recipients", "gpg": "public_key"}.get(kind, "material")
    for name, there in given.items():
        if there and name != takes:
            raise _wrong(name, f"is nothing that a key of kind {kind} has")


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(
        f"{name}: {message}", code="file_key_material", details={"fields": [{"field": name, "message": message}]}
    )

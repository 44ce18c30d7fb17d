"""The kinds of keys: what each seals, whether Holdfast can open with it, and the service behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.features.file_keys.aws_kms import ACCESS_KEY, SECRET, SESSION, AwsKms, KmsPlace
from holdfast.features.file_keys.gcp_kms import ACCOUNT, GcpKms, GcpPlace
from holdfast.features.file_keys.model import FileKey
from holdfast.features.file_keys.vault import SECRET_ID, TOKEN, VaultPlace
from holdfast.features.file_keys.vault_kv import KvPlace, VaultKv
from holdfast.features.file_keys.vault_transit import TransitPlace, VaultTransit
from holdfast.features.file_keys.wrapping import Credential, KeySource, KeyWrapper
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.plain.named import KeyChoice
from holdfast.vault.plain.wish import Sealing

MATERIAL = "material"  # the name of the secret that is an age identity or a passphrase
HOLDS = "holds"  # in a place: what a service gives out, "identity" or "passphrase"
_VAULT = ("address", "namespace", "role_id", "approle_mount", "ca")


@dataclass(frozen=True)
class Kind:
    """`takes`: the usual encryption first. `credential`: names of the secrets with which its service is asked."""

    takes: tuple[Sealing, ...]
    opens: bool = True
    joins: bool = False
    credential: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "age": Kind(("age",), opens=False, joins=True),
    "age-identity": Kind(("age",), joins=True),
    "passphrase": Kind(("aes256", "gpg", "age")),
    "gpg": Kind(("gpg",), opens=False),
    "vault-kv": Kind(("aes256", "gpg"), credential=(TOKEN, SECRET_ID)),
    "vault-transit": Kind(("age", "gpg", "aes256"), joins=True, credential=(TOKEN, SECRET_ID)),
    "aws-kms": Kind(("age", "gpg", "aes256"), joins=True, credential=(ACCESS_KEY, SECRET, SESSION)),
    "gcp-kms": Kind(("age", "gpg", "aes256"), joins=True, credential=(ACCOUNT,)),
}


def choice_of(key: FileKey) -> KeyChoice:
    """As settings keep it."""
    kind = KINDS[key.kind]
    if key.place.get(HOLDS) == "identity":
        return KeyChoice(key.id, key.name, key.kind, ("age",), opens=True, joins=True)
    return KeyChoice(key.id, key.name, key.kind, kind.takes, kind.opens, kind.joins)


def source_of(kind: str, place: Mapping[str, Any], credential: Credential, policy: OutboundPolicy) -> KeySource | None:
    """A service that gives the key out; None for other kinds. Raises Invalid for a place that cannot be."""
    if kind != "vault-kv":
        return None
    fields = {name: place[name] for name in ("path", "field", "mount") if place.get(name)}
    return VaultKv(_vault(place), KvPlace(**fields), credential, policy)


def wrapper_of(
    kind: str, name: str, place: Mapping[str, Any], credential: Credential, policy: OutboundPolicy, clock: Clock
) -> KeyWrapper | None:
    """A service that wraps each file's own key; None for other kinds. Raises Invalid for a place that cannot be."""
    if kind == "vault-transit":
        fields = {each: place[each] for each in ("key", "mount") if place.get(each)}
        return VaultTransit(_vault(place), TransitPlace(**fields), credential, policy)
    if kind == "aws-kms":
        fields = {each: place[each] for each in ("region", "key_id", "endpoint", "ca") if place.get(each)}
        return AwsKms(KmsPlace(**fields), name, credential, policy, clock)
    if kind == "gcp-kms":
        fields = {each: place[each] for each in ("key", "endpoint", "ca") if place.get(each)}
        return GcpKms(GcpPlace(**fields), name, credential, policy, clock)
    return None


def checked_credential(kind: str, place: Mapping[str, Any], credential: Credential) -> dict[str, str]:
    """What its service needs to be asked with, and nothing more. Raises Invalid."""
    takes = KINDS[kind].credential
    needed = {"vault-kv": (TOKEN,), "vault-transit": (TOKEN,), "aws-kms": (ACCESS_KEY, SECRET), "gcp-kms": (ACCOUNT,)}
    needs = (SECRET_ID,) if place.get("role_id") else needed.get(kind, ())
    given = {name: value.strip() for name, value in credential.items() if value and value.strip()}
    if odd := sorted(set(given) - set(takes)):
        raise _field(odd[0], f"is nothing that a key of kind {kind} has")
    if needs == (SECRET_ID,) and TOKEN in given:
        raise _field(TOKEN, "and an AppRole: one of the two")
    for name in needs:
        if name not in given:
            raise _field(name, "is needed")
    return given


def _vault(place: Mapping[str, Any]) -> VaultPlace:
    return VaultPlace(**{name: place[name] for name in _VAULT if place.get(name)})


def _field(name: str, message: str) -> Invalid:
    return Invalid(
        f"{name} {message}", code="file_key_credential", details={"fields": [{"field": name, "message": message}]}
    )

"""A file's own key wrapped by Vault's transit engine, whose key never leaves Vault."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.contract.catalog import JSON
from holdfast.features.file_keys.vault import VaultLine, VaultPlace, checked_words
from holdfast.features.file_keys.wrapping import Credential, Described
from holdfast.kernel.errors import Permanent
from holdfast.kernel.outbound import OutboundPolicy


@dataclass(frozen=True)
class TransitPlace:
    key: str
    mount: str = "transit"

    def __post_init__(self) -> None:
        checked_words(key=self.key, mount=self.mount)


class VaultTransit:
    """See `KeyWrapper`. A rotation in Vault is for new files; older versions decrypt while Vault lets them."""

    def __init__(self, vault: VaultPlace, place: TransitPlace, credential: Credential, policy: OutboundPolicy) -> None:
        self._vault, self._place = vault, place
        self._line = VaultLine(vault, credential, policy)

    def close(self) -> None:
        self._line.close()

    def wrap(self, secret: bytes) -> str:
        found = self._line.ask("POST", self._path("encrypt"), {"plaintext": base64.b64encode(secret).decode()})
        text = found.get("ciphertext")
        if not isinstance(text, str) or not text.startswith("vault:") or not text.isprintable():
            raise self._strange()
        return text

    def unwrap(self, wrapped: str, where: Mapping[str, JSON]) -> bytes:  # noqa: ARG002 - one face for all
        found = self._line.ask("POST", self._path("decrypt"), {"ciphertext": wrapped})
        try:
            return base64.b64decode(str(found["plaintext"]), validate=True)
        except (KeyError, ValueError):
            raise self._strange() from None

    def describe(self, wrapped: str) -> Described:
        where = {"address": self._vault.address, "mount": self._place.mount, "key": self._place.key}
        more = {"namespace": self._vault.namespace} if self._vault.namespace else {}
        asked = f"vault write -field=plaintext {shlex.quote(self._path('decrypt'))} ciphertext={shlex.quote(wrapped)}"
        commands = (*self._vault.exports(), f"KEY=$({asked} | base64 -d)", 'test -n "$KEY"')
        return Described({**where, **more}, commands)

    def _path(self, verb: str) -> str:
        return f"{self._place.mount.strip('/')}/{verb}/{self._place.key}"

    def _strange(self) -> Permanent:
        return Permanent(
            f"what {self._line.who} has at {self._place.mount}/ is no transit engine",
            code="vault_refused",
            hint="vault secrets list",
        )

"""A key that Vault keeps: one field of a secret of a KV version 2 engine."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from holdfast.features.file_keys.vault import VaultLine, VaultPlace, checked_words
from holdfast.features.file_keys.wrapping import Credential, Described, Fetched
from holdfast.kernel import log
from holdfast.kernel.errors import Permanent
from holdfast.kernel.outbound import OutboundPolicy


@dataclass(frozen=True)
class KvPlace:
    path: str
    field: str = "key"
    mount: str = "secret"

    def __post_init__(self) -> None:
        checked_words(path=self.path, field=self.field, mount=self.mount)


class VaultKv:
    """See `KeySource`. Files name the version that sealed them: a newer value in Vault takes nothing from them."""

    def __init__(self, vault: VaultPlace, place: KvPlace, credential: Credential, policy: OutboundPolicy) -> None:
        self._vault, self._place = vault, place
        self._line = VaultLine(vault, credential, policy)

    def close(self) -> None:
        self._line.close()

    def fetch(self, version: int | None = None) -> Fetched:
        path = f"{self._place.mount.strip('/')}/data/{self._place.path.strip('/')}"
        found = self._line.ask("GET", path, query=f"?version={version}" if version else "")
        data, metadata = found.get("data"), found.get("metadata")
        text = data.get(self._place.field) if isinstance(data, dict) else None
        said = metadata.get("version") if isinstance(metadata, dict) else None
        if not isinstance(text, str) or not text.strip() or not isinstance(said, int):
            raise Permanent(
                f"the secret at {path} has no field {self._place.field!r}",
                code="vault_not_found",
                hint="Check the field; or the engine there is not KV version 2.",
            )
        log.register_secret(text.strip())
        return Fetched(text.strip(), said)

    def describe(self, version: int) -> Described:
        place, vault = self._place, self._vault
        where = {"address": vault.address, "mount": place.mount, "path": place.path, "field": place.field}
        more = {"namespace": vault.namespace} if vault.namespace else {}
        get = f"vault kv get -mount={shlex.quote(place.mount)} -version={version} -field={shlex.quote(place.field)}"
        commands = (*vault.exports(), f"KEY=$({get} {shlex.quote(place.path)})", 'test -n "$KEY"')
        return Described({**where, **more, "version": version}, commands)

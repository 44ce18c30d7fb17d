"""Where a container of Azure Blob Storage is, and a store there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from obstore.store import AzureStore

from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.outbound_url import Target, target_of
from holdfast.vault.stores.ambient import client_options, no_retries
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.cloud_errors import Words
from holdfast.vault.stores.place import check_authority, check_prefix, checked_endpoint, wrong

AZURE_WORDS = Words(
    {"put": "create and write (cw)", "get": "read (r)", "list": "list (l)", "delete": "delete (d)"},
    bucket="container",
    key="account key or SAS",
)
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"[a-z0-9](-?[a-z0-9]){2,62}")


@dataclass(frozen=True)
class AzurePlace:
    """`endpoint` is the account's: without one, the public cloud's `https://ACCOUNT.blob.core.windows.net`. Other
    clouds have others; an emulator has the account in its path. Raises Invalid naming the field that is wrong."""

    account: str
    container: str
    prefix: str = ""
    endpoint: str = ""
    allow_http: bool = False
    ca: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise wrong("account", "not a storage account's name: 3 to 24 small letters and digits")
        if len(self.container) > 63 or not _CONTAINER.fullmatch(self.container):
            raise wrong("container", "not a container's name: 3 to 63 small letters, digits and single dashes")
        check_prefix(self.prefix)
        checked_endpoint(self.url, allow_http=self.allow_http)
        check_authority(self.ca)

    @property
    def url(self) -> str:
        """What requests go to."""
        return (self.endpoint or f"https://{self.account}.blob.core.windows.net").rstrip("/")

    @property
    def target(self) -> Target:
        return target_of(self.url)

    @property
    def location(self) -> str:
        return f"azure://{self.target.host}:{self.target.port}/{self.account}/{self.container}/{self.prefix}"

    def restic(self) -> str:
        """What stock restic takes as -r. It needs AZURE_ACCOUNT_NAME and a key or SAS beside it."""
        return f"azure:{self.container}:/{self.prefix}"


@dataclass(frozen=True)
class AzureKey:
    """An account key (base64), or a shared access signature (the query, with or without its `?`): one of the two.

    Raises Invalid naming the field that is wrong.
    """

    account_key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if bool(self.account_key) == bool(self.sas):
            raise wrong("account_key", "an account key or a SAS token, one of the two")
        if self.account_key and not re.fullmatch(r"[A-Za-z0-9+/]{4,500}={0,2}", self.account_key):
            raise wrong("account_key", "not an account key: it is base64, and about 88 characters long")
        if self.sas and "sig" not in dict(self.pairs):
            raise wrong("sas_token", "not a shared access signature: it has no `sig`")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Of the SAS, in its order."""
        return parse_qsl((self.sas or "").removeprefix("?"), keep_blank_values=True)

    def given(self) -> dict[str, Any]:
        if self.account_key:
            return {"access_key": self.account_key, "expires_at": None}
        return {"sas_token": self.pairs, "expires_at": None}


def azure_store(place: AzurePlace, key: AzureKey, relay: Relay) -> CloudStore:
    """A store there. Connects at its first use, through the relay and to nowhere else. No credential of the
    environment, of a command line tool or of the machine's identity service counts: the key is handed over when it is
    asked for."""
    target = place.target
    way = relay.admit(target.host, target.port)
    provider: Callable[[], Any] = key.given
    objects = AzureStore(
        place.container,
        prefix=place.prefix or None,
        account_name=place.account,
        endpoint=place.url,
        use_emulator=False,
        use_fabric_endpoint=False,
        use_azure_cli=False,
        skip_signature=False,
        disable_tagging=True,
        client_options=client_options(way, allow_http=place.allow_http, ca=place.ca),
        retry_config=no_retries(),
        credential_provider=provider,
    )
    return CloudStore(objects, way, replace(AZURE_WORDS, name=place.container))

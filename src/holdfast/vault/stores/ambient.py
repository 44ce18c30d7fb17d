"""What a store must not take from the machine it runs on, and what every cloud store is told instead."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from holdfast.kernel.outbound_relay import Pass

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

REQUEST_SECONDS = 300
CONNECT_SECONDS = 10
READ_SECONDS = 60
_AMBIENT = ("AWS_", "AZURE_", "GOOGLE_")


def forget_ambient(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take cloud settings out of this process's environment: obstore would mix them into every store (no signing,
    another endpoint, another encryption). Call it before threads begin."""
    for name in [name for name in environ if name.upper().startswith(_AMBIENT)]:
        del environ[name]


def client_options(way: Pass, *, allow_http: bool, ca: str | None) -> ClientConfig:
    """For obstore: through the relay and to nowhere else, our certificates, and no wait without an end: a request ends
    after `REQUEST_SECONDS` whatever happens, and after `READ_SECONDS` when nothing of its answer comes."""
    options: dict[str, object] = {
        "allow_http": allow_http,
        "allow_invalid_certificates": False,
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "proxy_url": way.url,
        "proxy_excludes": "",
        "user_agent": "holdfast",
    }
    if ca is not None:
        options["root_certificate"] = ca
    return cast("ClientConfig", options)


def no_retries() -> RetryConfig:
    """Retries are ours: see `retrying`."""
    return {"max_retries": 0, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)}

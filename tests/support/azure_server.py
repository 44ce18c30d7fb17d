"""A real server of Azure's blob protocol on a socket: Microsoft's azurite, installed by `make azurite` from
tests/support/azurite (hash-locked)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlencode

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.vault.stores.azure import AzureKey, AzurePlace, azure_store
from holdfast.vault.stores.azure_probe import AzureQuestions
from holdfast.vault.stores.cloud import CloudStore

POLICY = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}))
RELAY = Relay(POLICY)
ACCOUNT = "hftest"
KEY = AzureKey(base64.b64encode(secrets.token_bytes(64)).decode())
_HOME = Path(os.environ.get("HOLDFAST_TEST_AZURITE") or Path(sys.prefix) / "azurite")
_MAIN = _HOME / "node_modules/azurite/dist/src/blob/main.js"
_VERSION = "2020-12-06"


@dataclass(frozen=True)
class AzureServer:
    endpoint: str

    def place(self, *, container: str | None = None, prefix: str = "pre/fix") -> AzurePlace:
        """A place in a container of its own."""
        return AzurePlace(ACCOUNT, container or self.container(), prefix, self.endpoint, allow_http=True)

    def container(self) -> str:
        """A new one."""
        name = f"c-{uuid.uuid4().hex}"
        place = AzurePlace(ACCOUNT, name, "", self.endpoint, allow_http=True)
        questions = AzureQuestions(place, KEY, POLICY, SystemClock())
        try:
            assert questions.make_container().status == 201
        finally:
            questions.close()
        return name

    def store(self) -> CloudStore:
        return azure_store(self.place(), KEY, RELAY)

    def sas(self, container: str, permissions: str = "rcwdl", days: float = 90) -> str:
        """A shared access signature of the container, as its owner makes one (Microsoft: "Create a service SAS")."""
        ends = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = [permissions, "", ends, f"/blob/{ACCOUNT}/{container}", "", "", "", _VERSION, "c", *[""] * 7]
        key = base64.b64decode(KEY.account_key or "")
        signature = base64.b64encode(hmac.new(key, "\n".join(fields).encode(), hashlib.sha256).digest()).decode()
        return urlencode({"sv": _VERSION, "sr": "c", "sp": permissions, "se": ends, "sig": signature})


@contextlib.contextmanager
def azurite() -> Iterator[AzureServer]:
    node = shutil.which("node")
    assert node, "node is missing on this machine: Azure's emulator needs node 20 or newer"
    assert _MAIN.is_file(), f"azurite is not in {_HOME}: `make azurite` installs it"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    argv = [node, str(_MAIN), "--blobHost", "127.0.0.1", "--blobPort", port, "--inMemoryPersistence"]
    argv += ["--disableTelemetry", "--silent", "--extentMemoryLimit", "256"]
    environ = {"PATH": os.environ["PATH"], "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY.account_key}"}
    child = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        _until_up(child, int(port))
        yield AzureServer(f"http://127.0.0.1:{port}/{ACCOUNT}")
    finally:
        child.terminate()
        child.communicate(timeout=60)


def _until_up(child: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if child.poll() is not None or time.monotonic() > until:
                child.kill()
                raise AssertionError(f"azurite did not start: {child.communicate()[0].decode()}") from None
            time.sleep(0.05)

"""A Vault for tests: a small server that speaks the part of its HTTP API that Holdfast uses, on a real socket.

With VAULT_TEST_PROGRAM set to a program that serves a real Vault core at the address it is given, in memory and not
initialised yet, the same tests run against that: so it was found out that the double answers as Vault does.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import requests

PROGRAM = os.environ.get("VAULT_TEST_PROGRAM")
ROLE = "0c2b1f0a-holdfast"
READER = 'path "secret/data/holdfast/*" { capabilities = ["read"] }'
WRITER = 'path "secret/data/holdfast/*" { capabilities = ["read", "create", "update"] }'


class Vault(Protocol):
    """What the tests do to either."""

    address: str

    def token(self, *, writes: bool) -> str:
        """A token that may read `secret/holdfast/*`, or change it too."""

    def role(self) -> tuple[str, str]:
        """The role id and a secret id of an AppRole that may change it."""

    def data(self) -> dict[str, Any] | None:
        """What is at secret/holdfast/master-key."""

    def put(self, data: dict[str, Any]) -> None: ...

    def delete(self) -> None:
        """Its newest version."""

    def revoke(self, token: str) -> None: ...

    def seal(self) -> None: ...

    def unseal(self) -> None: ...


@dataclass
class Double:
    """The double's own memory. Answers and status codes are those of Vault 1.14."""

    address: str = ""
    sealed: bool = False
    redirect: str | None = None
    garbage: bytes | None = None
    versions: list[dict[str, Any] | None] = field(default_factory=list)
    tokens: dict[str, bool] = field(default_factory=dict)
    secret_ids: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def token(self, *, writes: bool) -> str:
        made = "hvs." + secrets.token_urlsafe(24)
        self.tokens[made] = writes
        return made

    def role(self) -> tuple[str, str]:
        made = secrets.token_urlsafe(24)
        self.secret_ids.add(made)
        return ROLE, made

    def data(self) -> dict[str, Any] | None:
        return self.versions[-1] if self.versions else None

    def put(self, data: dict[str, Any]) -> None:
        self.versions.append(data)

    def delete(self) -> None:
        self.versions[-1] = None

    def revoke(self, token: str) -> None:
        del self.tokens[token]

    def seal(self) -> None:
        self.sealed = True

    def unseal(self) -> None:
        self.sealed = False

    def asked(self) -> int:
        return len(self.requests)

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if method == "POST" and path == "/v1/auth/approle/login":
            if body.get("role_id") != ROLE:
                return 400, {"errors": ["invalid role ID"]}
            if body.get("secret_id") not in self.secret_ids:
                return 500, {"errors": ["invalid secret id"]}
            return 200, {"auth": {"client_token": self.token(writes=True), "lease_duration": 60}}
        if token not in self.tokens or not path.startswith("/v1/secret/data/holdfast/"):
            return 403, {"errors": ["permission denied"]}
        if method == "GET":
            return self._read(path)
        if not self.tokens[token]:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if body.get("options", {}).get("cas") != len(self.versions):
            return 400, {"errors": ["check-and-set parameter did not match the current version"]}
        self.versions.append(body["data"])
        return 200, {"data": {"version": len(self.versions)}}

    def _read(self, path: str) -> tuple[int, dict[str, Any]]:
        if not self.versions or not path.endswith("/master-key"):
            return 404, {"errors": []}
        metadata = {"version": len(self.versions), "destroyed": False, "deletion_time": ""}
        if self.versions[-1] is None:
            gone = {**metadata, "deletion_time": "2026-01-02T03:04:05Z"}
            return 404, {"data": {"data": None, "metadata": gone}}
        return 200, {"data": {"data": self.versions[-1], "metadata": metadata}}


@contextmanager
def double(tls: ssl.SSLContext | None = None) -> Iterator[Double]:
    vault = Double()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            vault.requests.append((self.command, self.path))
            if vault.redirect:
                self.send_response(307)
                self.send_header("location", vault.redirect + self.path)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            status, found = vault.answer(self.command, self.path, self.headers.get("x-vault-token", ""), body)
            text = vault.garbage if vault.garbage is not None else json.dumps(found).encode()
            self.send_response(200 if vault.garbage is not None else status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    vault.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Real:
    """A real Vault core, initialised and with a KV version 2 engine, two policies and an AppRole."""

    def __init__(self, address: str) -> None:
        self.address = address
        begun = self._call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._share, self._root = begun["keys"][0], begun["root_token"]
        self.unseal()
        self._call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        for name, policy in (("reader", READER), ("writer", WRITER)):
            self._call("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        self._call("POST", "sys/auth/approle", {"type": "approle"})
        self._call("POST", "auth/approle/role/holdfast", {"token_policies": ["writer"]})
        time.sleep(1)  # a new KV engine of version 2 is not ready at once

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Vault-Token": getattr(self, "_root", "")}
        answer = requests.request(method, f"{self.address}/v1/{path}", json=body, headers=headers, timeout=10)
        assert answer.ok or answer.status_code == 404, answer.text
        return answer.json() if answer.content else None

    def token(self, *, writes: bool) -> str:
        made = self._call("POST", "auth/token/create", {"policies": ["writer" if writes else "reader"]})
        return str(made["auth"]["client_token"])

    def role(self) -> tuple[str, str]:
        role = self._call("GET", "auth/approle/role/holdfast/role-id")["data"]["role_id"]
        return role, self._call("POST", "auth/approle/role/holdfast/secret-id")["data"]["secret_id"]

    def data(self) -> dict[str, Any] | None:
        found = self._call("GET", "secret/data/holdfast/master-key")
        return found["data"]["data"] if found.get("data") else None

    def put(self, data: dict[str, Any]) -> None:
        self._call("POST", "secret/data/holdfast/master-key", {"data": data})

    def delete(self) -> None:
        self._call("DELETE", "secret/data/holdfast/master-key")

    def revoke(self, token: str) -> None:
        self._call("POST", "auth/token/revoke", {"token": token})

    def seal(self) -> None:
        self._call("PUT", "sys/seal")

    def unseal(self) -> None:
        self._call("PUT", "sys/unseal", {"key": self._share})


@contextmanager
def real(program: str) -> Iterator[Real]:
    with subprocess.Popen([program, "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            assert child.stdout is not None
            yield Real("http://" + child.stdout.readline().decode().strip())
        finally:
            child.kill()

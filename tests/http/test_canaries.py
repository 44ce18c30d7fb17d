"""Secrets typed, sent and made on a whole running Holdfast are in no log, no error, no audit row and no listing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from holdfast.client import Client
from holdfast.commands.demo.temporary import temporary_holdfast
from holdfast.kernel.db import Database, metadata

CANARY = "canary-9e41aa-"
PASSWORD = CANARY + "the-owners-password"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("http-canaries")]


class Told:
    """What was said while secrets passed: every error answer, and what is on the disk afterwards."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.root = Path(client.where).parent.parent
        self.answers: list[str] = []
        self.secrets: list[str] = []

    def http(self, **options: Any) -> httpx.Client:
        """Over admin.sock, keeping every error's body."""
        transport = httpx.HTTPTransport(uds=str(self.root / "run" / "admin.sock"))
        made = httpx.Client(transport=transport, base_url="http://holdfast", timeout=60, **options)
        made.event_hooks["response"].append(self._keep)
        return made

    def _keep(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            self.answers.append(answer.read().decode())

    def written(self) -> dict[str, bytes]:
        """Every file below the installation's root that is text of ours: logs, records, state."""
        found = {}
        for path in self.root.rglob("*"):
            with suppress(FileNotFoundError):  # a file that is being replaced has another name a moment later
                if path.is_file() and path.name != "master.key":
                    found[str(path.relative_to(self.root))] = path.read_bytes()
        return found

    def rows(self, table: str) -> str:
        db = Database(f"sqlite+apsw:///{self.root / 'data' / 'meta' / 'holdfast.db'}")
        try:
            with db.read() as conn:
                return repr(list(conn.execute(sa.select(metadata.tables[table]))))
        finally:
            db.close()


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with temporary_holdfast() as client:
        made = Told(client)
        _act(made)
        yield made


def _act(told: Told) -> None:
    """Everything a person may do wrong with a secret, and everything that makes one."""
    with told.http() as admin:
        person = {"email": "owner@example.org", "password": PASSWORD}
        token = _become_owner(admin, person)
        for wrong in (CANARY + "wrong-password", [CANARY + "in-a-list"], None):
            admin.post("/api/v1/session", json={"email": "owner@example.org", "password": wrong})
        admin.post("/api/v1/session", content=b"{" + CANARY.encode(), headers={"Content-Type": "application/json"})
        admin.post("/api/v1/session", json={**person, CANARY + "field": CANARY})
        key = admin.post("/api/v1/keys", json={"name": "ci"}).json()["key"]
        for text in (key[:-1] + "!", "hf_" + CANARY, CANARY):
            assert admin.get("/api/v1/projects", headers={"Authorization": f"Bearer {text}"}).status_code == 401
        admin.get("/api/v1/projects", params={"cursor": CANARY + "query", "token": CANARY + "parameter"})
        project = admin.get("/api/v1/projects").json()["items"][0]["id"]
        environment = admin.get(f"/api/v1/projects/{project}/environments").json()["items"][0]["id"]
        wanted = {"environment_id": environment, "engine": "postgresql", "name": "shop"}
        made = admin.post("/api/v1/databases", json=wanted).json()
        _wait(admin, made["run"]["id"])
        where = f"/api/v1/databases/{made['resource']['id']}"
        urls = [admin.post(where + "/url", json={"access": access}).json()["url"] for access in ("owner", "rw", "ro")]
        query = {"statement": "SELECT $1::text AS found, no_such_column", "params": [CANARY + "parameter-of-a-query"]}
        assert admin.post(where + "/query", json=query).status_code >= 400
        literal = {"statement": f"SELECT '{CANARY}literal' AS found"}
        assert admin.post(where + "/query", json=literal).status_code == 200
        assert admin.post(where + "/query", json={"statement": f"SELECT '{CANARY}broken"}).status_code >= 400
        taken = admin.post(where + "/snapshots", json={"level": 1}).json()
        _wait(admin, taken["run"]["id"])
        repository = admin.get("/api/v1/repositories").json()["items"][0]["id"]
        revealed = admin.post(f"/api/v1/repositories/{repository}/key").json()["password"]
        masked = admin.get(where + "/url").json()["url"]
        assert "***" in masked
        told.secrets += _trust(admin, environment, key)
    passwords = [httpx.URL(url).password for url in urls]
    assert len({*passwords}) == 3
    assert all(len(password) >= 20 for password in (*passwords, revealed))
    told.secrets += [token, key, revealed, *passwords, *urls]


def _trust(admin: httpx.Client, environment: str, key: str) -> list[str]:
    """Invites, resets, tokens, keys, secrets, providers, kits: the secrets that each of them makes or takes."""
    found = []
    for path, body in (("/invites", {"email": "ada@example.org", "role": "viewer"}), ("/keys", {"name": "other"})):
        made = admin.post("/api/v1" + path, json=body).json()
        found.append(str(made.get("link", made.get("key"))).rpartition("=")[2])
    accepted = admin.post("/api/v1/invites/accept", json={"token": found[0], "password": CANARY + "of-ada"})
    assert accepted.status_code == 201, accepted.text
    found.append(accepted.cookies["holdfast_session"])
    admin.cookies.clear()
    user = accepted.json()["id"]
    found.append(admin.post(f"/api/v1/users/{user}/reset").json()["link"].rpartition("=")[2])
    redeemed = {"token": found[-1], "password": CANARY + "of-ada-again"}
    assert admin.post("/api/v1/session/reset", json=redeemed).status_code < 300
    assert admin.post("/api/v1/session/reset", json=redeemed).status_code == 401
    bearer = {"Authorization": f"Bearer {key}"}
    pair = admin.post("/api/v1/tokens", json={"name": "canary"}, headers=bearer).json()
    next_pair = admin.post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]}).json()
    stolen = admin.post("/api/v1/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
    assert stolen.status_code == 401
    found += [each[name] for each in (pair, next_pair) for name in ("access_token", "refresh_token")]
    assert admin.get("/api/v1/session", headers={"Authorization": f"Bearer {pair['access_token']}x"}).status_code == 401
    where = f"/api/v1/environments/{environment}/secrets/STRIPE"
    assert admin.put(where, json={"value": CANARY + "stored"}).status_code < 300
    assert admin.post(where + "/reveal").json()["value"] == CANARY + "stored"
    assert admin.put(where, json={"value": [CANARY + "in-a-list"]}).status_code == 422
    provider = {"name": "canary", "issuer": "https://id.example.org", "client_id": "x"}
    made = admin.post("/api/v1/sso/providers", json={**provider, "client_secret": CANARY + "of-the-client"})
    assert made.status_code == 201, made.text
    kit = admin.post("/api/v1/system/recovery-kit", json={"passphrase": CANARY + "of-the-kit"})
    assert kit.status_code < 300, kit.text
    assert all(len(secret) >= 20 for secret in found)
    return found


def _become_owner(admin: httpx.Client, person: dict[str, str]) -> str:
    """The token that did it. `holdfast up` asks for a link of its own when it is ready, which ends the one before."""
    for _ in range(5):
        link = admin.post("/api/v1/session/first-run/link").json()["link"]
        token = str(link.partition("#token=")[2])
        if admin.post("/api/v1/session/first-run", json={"token": token, **person}).status_code == 201:
            return token
    raise AssertionError("no link made an owner")


def _wait(admin: httpx.Client, run_id: str) -> None:
    with admin.stream("GET", f"/api/v1/runs/{run_id}/events", timeout=120) as answer:
        answer.read()
    run = admin.get(f"/api/v1/runs/{run_id}").json()
    assert run["state"] == "succeeded", run


def test_the_logs_are_their_owners_alone(told) -> None:
    """0600, in a directory of 0700: nobody else of the machine reads who did what."""
    logs = list((told.root / "data" / "logs").glob("*.log"))
    assert {"api.log", "runner.log"} <= {path.name for path in logs}
    assert {path.stat().st_mode & 0o777 for path in logs} == {0o600}
    assert (told.root / "data" / "logs").stat().st_mode & 0o777 == 0o700


def test_no_log_holds_one(told) -> None:
    """Not the api's, the runner's, the keeper's. A database server's own log may quote a statement that failed there,
    with what was written into it; never a password."""
    logs = {name: content for name, content in told.written().items() if name.endswith(".log") or "/logs/" in name}
    assert sum(b'"request"' in content for content in logs.values()) >= 1, list(logs)
    assert {"api.log", "runner.log"} <= {Path(name).name for name in logs}
    for name, content in logs.items():
        for secret in (*told.secrets, PASSWORD):
            assert secret.encode() not in content, name
        if "/logs/db_" not in name:
            assert CANARY.encode() not in content, name


def test_no_error_answer_holds_one(told) -> None:
    assert len(told.answers) >= 8
    for body in told.answers:
        assert not any(secret in body for secret in (*told.secrets, PASSWORD))
        assert CANARY + "wrong-password" not in body
        assert CANARY + "in-a-list" not in body
        assert CANARY + "parameter" not in body


@pytest.mark.parametrize("table", ["audit_events", "runs", "run_logs", "idempotency_keys", "resources", "sessions"])
def test_no_row_holds_one(told, table) -> None:
    """Reveals are in the audit log, what they revealed is not."""
    rows = told.rows(table)
    assert table != "audit_events" or ("database.url.reveal" in rows and "repository.key.reveal" in rows)
    assert CANARY not in rows
    assert not any(secret in rows for secret in told.secrets)


def test_statements_are_kept_without_their_literals(told) -> None:
    rows = told.rows("statements")
    assert "SELECT" in rows
    assert CANARY not in rows


def test_nothing_of_the_installation_is_readable_on_the_disk(told) -> None:
    """Outside the database servers' own files: neither passwords nor keys nor tokens, in any file."""
    for name, content in told.written().items():
        if "/pg_" in name or "/base/" in name:
            continue
        for secret in (*told.secrets, PASSWORD):
            assert secret.encode() not in content, name

"""Run with a source tree that has the toy engine: the whole journey of a notebook, through a real Holdfast."""

from __future__ import annotations

from typing import Any

from holdfast.client import Client
from holdfast.commands.demo.temporary import temporary_holdfast


def done(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """The run of an answer, once it has ended well."""
    events = list(client.watch(answer["run"]["id"]))
    run: dict[str, Any] = client.get(f"/runs/{answer['run']['id']}")
    assert run["state"] == "succeeded", (run, events[-3:])
    return run


def main() -> None:
    with temporary_holdfast() as client:
        assert "toy" in [engine["name"] for engine in client.get("/engines")["items"]]
        project = client.get("/projects")["items"][0]["id"]
        environment = client.get(f"/projects/{project}/environments")["items"][0]["id"]
        made = client.post("/databases", {"engine": "toy", "name": "notes", "environment_id": environment})
        done(client, made)
        database = made["resource"]["id"]
        for key, text in (("a", "one"), ("b'; --", "zwei ü")):
            put = {"statement": f"PUT {key}", "params": [text], "write": True}
            assert client.post(f"/databases/{database}/query", put)["affected"] == 1
        taken = client.post(f"/databases/{database}/snapshots", {"level": "L3"})
        done(client, taken)
        snapshot = taken["snapshot"]["id"]
        assert client.get(f"/snapshots/{snapshot}")["verified_level"] == 3
        wish = {"mode": "new", "name": "again", "environment_id": environment}
        restored = client.post(f"/snapshots/{snapshot}/restore", wish)
        done(client, restored)
        copy = restored["resource"]["id"]
        rows = client.post(f"/databases/{copy}/query", {"statement": "KEYS"})["rows"]
        assert rows == [["a", "one"], ["b'; --", "zwei ü"]], rows
    print("journey done")


if __name__ == "__main__":
    main()

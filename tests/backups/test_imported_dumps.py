"""Dumps that come in as snapshots: of every engine's own tools, packed, sealed, hostile, cut off."""

from __future__ import annotations

import bz2
import gzip
import hashlib
from typing import Any

import pyrage
import pytest
from dialects import DIALECTS
from journey import EVERY, Served, eventually, fresh

pytestmark = pytest.mark.slow
PASSPHRASE = "correct horse battery"


def upload(served: Served, database_id: str, content: bytes, name: str = 'a"b\'; --.dump') -> str:
    made = served.call("POST", f"/databases/{database_id}/uploads", {"name": name, "size": len(content)}, 201)
    for at in range(0, len(content), 8 << 20):
        piece = content[at : at + (8 << 20)]
        headers = {"content-range": f"bytes {at}-{at + len(piece) - 1}/{len(content)}"}
        answer = served.http.put(f"/uploads/{made['id']}/content", content=piece, headers=headers)
        assert answer.status_code == 200, answer.text
    served.call("POST", f"/uploads/{made['id']}/complete")
    return str(made["id"])


def start(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    body = {"upload_id": upload(served, database_id, content), "level": 1} | body
    made: dict[str, Any] = served.call("POST", f"/databases/{database_id}/snapshot-imports", body, 202)
    return made


def imported(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    made = served.done(start(served, database_id, content, **body))
    found: dict[str, Any] = served.get(f"/snapshots/{made['snapshot']['id']}")
    return found


def failed(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    """The error of an import whose run fails; nothing of it is left."""
    made = start(served, database_id, content, **body)
    run = served.ended(made)
    assert run["state"] == "failed", run
    snapshot = served.get(f"/snapshots/{made['snapshot']['id']}")
    assert (snapshot["state"], snapshot["verification"]) == ("failed", "red")
    nothing_left(served)
    error: dict[str, Any] = run["error"]
    return error


def nothing_left(served: Served) -> None:
    """No upload of an import, neither row nor file, no scratch server and no directory of one."""
    eventually(lambda: not [each for each in served.get("/uploads")["items"] if each["state"] == "taken"])
    scratch = served.root / "data" / "scratch"
    eventually(lambda: not list(scratch.rglob("srv_*")))


def downloaded(served: Served, snapshot_id: str, **wish: Any) -> bytes:
    made = served.call("POST", f"/snapshots/{snapshot_id}/downloads", wish, 201)
    answer = served.http.get(made["url"].removeprefix("/api/v1"))
    assert answer.status_code == 200
    return answer.content


class Given:
    """A database with rows, and its snapshot as the engine's own file."""

    def __init__(self, served: Served, engine: str) -> None:
        self.served, self.engine = served, engine
        self.database = served.create(engine, fresh("imports"))
        served.write(self.database["id"], *DIALECTS[engine].big(1500), *DIALECTS[engine].sentences.fill)
        self.snapshot = served.snapshot(self.database["id"])
        self.file = downloaded(served, self.snapshot["id"], compression="none")


@pytest.fixture(scope="module", params=EVERY)
def given(request: pytest.FixtureRequest, served: Served) -> Given:
    return Given(served, request.param)


def test_a_dump_becomes_a_snapshot_like_any_other(given: Given) -> None:
    """Into another, empty database of the same engine: proven by a restore, restorable, and that database stays empty."""
    served = given.served
    other = served.create(given.engine, fresh("other"))
    snapshot = imported(served, other["id"], given.file, level=3, tags=["old", "ünï"])
    assert (snapshot["trigger"], snapshot["verified_level"], snapshot["verification"]) == ("import", 3, "green")
    assert snapshot["type"] == "full" and snapshot["parent_id"] is None and snapshot["tags"] == ["old", "ünï"]
    about = snapshot["summary"]["imported"]
    assert about["sha256"] == hashlib.sha256(given.file).hexdigest()
    assert (about["bytes"], about["file"]) == (len(given.file), 'a"b\'; --.dump')
    assert "audit" not in snapshot["summary"]
    assert snapshot["rows"] == given.snapshot["rows"]
    made = served.call("POST", f"/snapshots/{snapshot['id']}/restore", {"mode": "new", "name": fresh("back")}, 202)
    back = served.done(made)["resource"]["id"]
    same = served.snapshot(back, level=1)
    assert same["rows"] == given.snapshot["rows"]
    assert served.snapshot(other["id"], level=1)["rows"] in (0, None)
    nothing_left(served)


@pytest.mark.parametrize("packing", ["gzip", "zstd", "bzip2", "none"])
@pytest.mark.parametrize("sealing", ["age", "gpg", "aes256"])
def test_what_we_seal_we_open(served: Served, sealing: str, packing: str) -> None:
    given = once(served, "sqlite")
    content = downloaded(
        served, given.snapshot["id"], compression=packing, encryption=sealing, passphrase=PASSPHRASE
    )
    snapshot = imported(served, given.database["id"], content, passphrase=PASSPHRASE)
    about = snapshot["summary"]["imported"]
    assert (about["compression"], about["encryption"], about["format"]) == (packing, sealing, "sqlite")
    assert snapshot["rows"] == given.snapshot["rows"]


_once: dict[str, Given] = {}


def once(served: Served, engine: str) -> Given:
    return _once.setdefault(engine, Given(served, engine))

"""Snapshots as single files, for every engine: opened by stock tools, in ranges, once, until revoked."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from dialects import DIALECTS
from journey import EVERY, Served, eventually, fresh

pytestmark = pytest.mark.slow
MAGIC = {"sqlite": b"SQLite format 3\0", "postgresql": b"PGDMP", "valkey": b"VALKEY"}


class Given:
    """A database with rows, its snapshot, and links to it."""

    def __init__(self, served: Served, engine: str) -> None:
        self.served, self.engine = served, engine
        self.database = served.create(engine, fresh("files"))
        served.write(self.database["id"], *DIALECTS[engine].big(1500), *DIALECTS[engine].sentences.fill)
        self.snapshot = served.snapshot(self.database["id"])

    @property
    def where(self) -> str:
        return f"/snapshots/{self.snapshot['id']}/downloads"

    def link(self, **wish: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.served.call("POST", self.where, wish, 201)
        return made

    def fetch(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.served.http.request(method, url.removeprefix("/api/v1"), headers=headers)

    def refused(self, url: str, method: str = "GET") -> None:
        answer = self.fetch(url, method)
        assert answer.status_code == 401, answer.text
        if method == "GET":
            assert answer.json()["error"]["code"] == "link_invalid"


@pytest.fixture(scope="module", params=EVERY)
def given(request: pytest.FixtureRequest, served: Served) -> Given:
    return Given(served, request.param)


@pytest.fixture(scope="module")
def one(served: Served) -> Given:
    return Given(served, "sqlite")


def test_the_file_is_the_engines_own(given: Given, tmp_path: Path) -> None:
    """gzip 6 and plain by default; what is inside begins as such a file does and holds the entry's very bytes."""
    made = given.link()
    assert (made["download"]["compression"], made["download"]["encryption"]) == ("gzip", "none")
    assert made["download"]["ranges"] is False
    answer = given.fetch(made["url"])
    assert answer.status_code == 200
    assert answer.headers["accept-ranges"] == "none"
    content = gzip.decompress(answer.content)
    assert content.startswith(MAGIC[given.engine]) or (given.engine == "valkey" and content.startswith(b"REDIS"))
    whole = given.fetch(given.link(compression="none")["url"])
    assert whole.content == content
    assert int(whole.headers["content-length"]) == len(content)


def test_ranges_go_on_where_they_broke_off(given: Given) -> None:
    made = given.link(compression="none", encryption="none")
    assert made["download"]["ranges"] is True
    whole = given.fetch(made["url"])
    etag = whole.headers["etag"]
    middle = len(whole.content) // 2
    rest = given.fetch(made["url"], Range=f"bytes={middle}-", **{"If-Range": etag})
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes {middle}-{len(whole.content) - 1}/{len(whole.content)}"
    assert whole.content[:middle] + rest.content == whole.content
    part = given.fetch(made["url"], Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert given.fetch(made["url"], Range="bytes=-5").content == whole.content[-5:]
    other = given.fetch(made["url"], Range="bytes=10-19", **{"If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    beyond = given.fetch(made["url"], Range=f"bytes={len(whole.content)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")
    head = given.fetch(made["url"], "HEAD")
    assert (head.content, head.headers["etag"], head.headers["content-length"]) == (b"", etag, str(len(whole.content)))
    squeezed = given.fetch(given.link()["url"], Range="bytes=10-19")
    assert squeezed.status_code == 200


def test_a_tar_says_how_to_restore(given: Given, tmp_path: Path) -> None:
    made = given.link(format="tar", compression="zstd")
    (tmp_path / "all.tar.zst").write_bytes(given.fetch(made["url"]).content)
    blocks = re.findall(r"```sh\n(.*?)```", made["restore_md"], re.S)
    env = {"PATH": os.environ["PATH"], "TARGET": str(tmp_path / "files")}
    asks = ({"FILE": "all.tar.zst", "OUT": "all.tar"}, {"FILE": "all.tar"})
    for block, more in zip(blocks, asks, strict=True):
        subprocess.run(["sh", "-c", block], env=env | more, cwd=tmp_path, check=True)  # noqa: S607
    names = {str(path.relative_to(tmp_path / "files")) for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert {"RESTORE.md", "restore.sh", "manifest.json"} < names
    assert "came as a tar" in (tmp_path / "files" / "RESTORE.md").read_text()
    with tarfile.open(tmp_path / "all.tar") as opened:
        assert opened.getmember("restore.sh").mode == 0o755


def test_sqlite_opens_it(one: Given, tmp_path: Path) -> None:
    """`zstd -d`, `age -d` and `sqlite3`, as RESTORE.md says; rows equal to those in the living database."""
    made_key = subprocess.run(["age-keygen"], capture_output=True, check=True, text=True)  # noqa: S607
    (tmp_path / "id").write_text(made_key.stdout)
    recipient = made_key.stderr.split("Public key:")[1].strip()
    made = one.link(compression="zstd", encryption="age", recipients=[recipient])
    (tmp_path / "file").write_bytes(one.fetch(made["url"]).content)
    first, second = re.findall(r"```sh\n(.*?)```", made["restore_md"], re.S)
    env = {"PATH": os.environ["PATH"], "IDENTITY": "id"}
    for block, more in ((first, {"FILE": "file", "OUT": "out"}), (second, {"FILE": "out", "TARGET": "db"})):
        subprocess.run(["sh", "-c", block], env=env | more, cwd=tmp_path, check=True)  # noqa: S607
    stored = one.served.raw("GET", f"/snapshots/{one.snapshot['id']}/entries/database.sqlite/content").content
    assert (tmp_path / "db").read_bytes() == stored


def test_gpg_through_the_api(one: Given, tmp_path: Path) -> None:
    """The api runs gpg as its tools' user."""
    home = Path("/tmp") / f"hf-apigpg-{os.getpid()}"
    home.mkdir(mode=0o700)
    ask = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    try:
        subprocess.run([*ask, "--quick-gen-key", "w@example.org", "future-default", "default", "never"], check=True)
        key = subprocess.run([*ask, "--armor", "--export"], capture_output=True, check=True, text=True).stdout
        sealed = one.fetch(one.link(compression="none", encryption="gpg", recipients=[key])["url"]).content
        opened = subprocess.run([*ask, "-d"], input=sealed, capture_output=True, check=True).stdout
        assert opened.startswith(MAGIC["sqlite"])
        bad = one.fetch(one.link(compression="none", encryption="gpg", recipients=[key[:200]])["url"])
        assert (bad.status_code, bad.json()["error"]["code"]) == (422, "recipient_invalid")
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)  # noqa: S607
        shutil.rmtree(home)


def test_links_end(one: Given) -> None:
    """Used up, revoked, expired, altered: one answer; never a byte."""
    single = one.link(once=True)
    assert one.fetch(single["url"], "HEAD").status_code == 200
    assert one.fetch(single["url"]).status_code == 200
    one.refused(single["url"])
    one.refused(single["url"], "HEAD")
    revoked = one.link()
    assert one.served.call("DELETE", f"/downloads/{revoked['download']['id']}")["state"] == "revoked"
    one.refused(revoked["url"])
    assert one.served.call("DELETE", f"/downloads/{revoked['download']['id']}")["state"] == "revoked"
    short = one.link(seconds=1)
    eventually(lambda: one.fetch(short["url"], "HEAD").status_code == 401, 20)
    good, another = one.link(), one.link()
    url, expires = good["url"], re.search(r"expires=(\d+)", good["url"])
    assert expires is not None
    one.refused(url.replace(expires[1], str(int(expires[1]) + 100)))
    one.refused(url.replace(good["download"]["id"], another["download"]["id"]))
    one.refused(url[:-1] + ("0" if url[-1] != "0" else "1"))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert one.fetch(url, method).status_code == 405
    assert one.fetch(url).status_code == 200
    listed = one.served.get("/downloads", snapshot_id=one.snapshot["id"], limit=100)["items"]
    states = {item["id"]: (item["state"], item["uses"]) for item in listed}
    assert states[single["download"]["id"]] == ("used", 1)
    assert states[good["download"]["id"]] == ("open", 1)
    assert "signature" not in str(listed)


def test_issue_and_use_are_on_record(one: Given) -> None:
    made = one.link(encryption="aes256", passphrase="a long passphrase")
    one.fetch(made["url"])
    one.served.call("DELETE", f"/downloads/{made['download']['id']}")

    def rows() -> list[Any]:
        found = one.served.get("/audit", resource_id=one.database["id"], limit=100)["items"]
        return [row for row in found if row["details"].get("download_id") == made["download"]["id"]]

    eventually(lambda: len(rows()) == 3, 30)
    assert {row["action"] for row in rows()} == {"download.create", "download.use", "download.revoke"}
    assert "a long passphrase" not in str(rows())


def test_plain_text_must_be_meant(one: Given) -> None:
    """Where the project asks: unsaid is refused, said is not; where it demands, neither is."""
    policy = f"/projects/{one.served.project}/file-policy"
    assert one.served.get(policy) == {"encryption": "optional"}
    try:
        one.served.call("PUT", policy, {"encryption": "asked"})
        one.served.refused(422, "encryption_unsaid", "POST", one.where, {})
        one.link(encryption="none")
        one.served.call("PUT", policy, {"encryption": "required"})
        one.served.refused(409, "encryption_required", "POST", one.where, {"encryption": "none"})
        one.served.refused(409, "encryption_required", "POST", one.where, {})
        one.link(encryption="aes256", passphrase="a long passphrase")
    finally:
        one.served.call("PUT", policy, {"encryption": "optional"})
    one.served.refused(422, "recipient_invalid", "POST", one.where, {"recipients": ["age1x"]})
    one.served.refused(422, "seconds_invalid", "POST", one.where, {"seconds": 10**9})


def test_asked_twice_made_once(one: Given) -> None:
    """The same link; its signature is not kept, so it is not shown again."""
    headers = {"Idempotency-Key": fresh("once")}
    first = one.served.raw("POST", one.where, {}, headers=headers)
    again = one.served.raw("POST", one.where, {}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "url": None}

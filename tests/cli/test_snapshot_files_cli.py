"""`holdfast snapshot download`, `link`, `links`, `unlink`, as a user runs them."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest
from cli_kit import Holdfast, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def name(server: dict[str, str]) -> str:
    """A database with a snapshot."""
    made = "given-out"
    assert run(server, "db", "create", "sqlite", made).code == 0
    assert run(server, "db", "query", made, "create table t as select 1 as a", "--write").code == 0
    assert run(server, "snapshot", "create", made).code == 0
    return made


def test_a_snapshot_is_downloaded_and_goes_on(holdfast: Holdfast, tmp_path: Path, name: str) -> None:
    """Half a file of the same bytes is gone on with; of others it is begun anew; nothing is overwritten."""
    whole = tmp_path / "whole.sqlite"
    first = holdfast("--json", "snapshot", "download", f"latest:{name}", "-o", str(whole), "--compress", "none")
    assert first.code == 0, first.err
    content = whole.read_bytes()
    assert content.startswith(b"SQLite format 3\0")
    assert first.json["bytes"] == len(content)
    assert "sqlite3" in Path(first.json["restore_md"]).read_text()
    assert "revoked" in holdfast("snapshot", "links").out, "its link stays open for nobody"

    again = tmp_path / "again.sqlite"
    etag = first.json["download"]["etag"]
    for known, start in ((etag, content[: len(content) // 2]), ("other", b"something else")):
        (tmp_path / "again.sqlite.part").write_bytes(start)
        (tmp_path / "again.sqlite.part.json").write_text(json.dumps({"etag": known}))
        made = holdfast("--json", "snapshot", "download", f"latest:{name}", "-o", str(again), "--compress", "none")
        assert made.code == 0, made.err
        assert again.read_bytes() == content
        assert sorted(path.name for path in tmp_path.glob("again*")) == ["again.sqlite", "again.sqlite.RESTORE.md"]
        again.unlink()

    refused = holdfast("snapshot", "download", f"latest:{name}", "-o", str(whole))
    assert refused.code == 2
    assert "is there already" in refused.err
    packed = tmp_path / "packed.gz"
    assert holdfast("snapshot", "download", f"latest:{name}", "-o", str(packed), "--compress", "gzip:9").code == 0
    assert gzip.decompress(packed.read_bytes()) == content
    wrong = holdfast("snapshot", "download", f"latest:{name}", "-o", str(tmp_path / "no"), "--encrypt", "age:age1x")
    assert wrong.code != 0
    assert not list(tmp_path.glob("no*"))
    unasked = holdfast("snapshot", "download", f"latest:{name}", "-o", str(tmp_path / "no"), "--encrypt", "aes256")
    assert unasked.code == 2


def test_links(holdfast: Holdfast, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "phrase"
    secret.write_text("a long passphrase\n")
    line = ("snapshot", "link", f"latest:{name}", "--encrypt", "gpg", "--passphrase-file", str(secret), "--once")
    made = holdfast("--json", *line, "--seconds", "600")
    assert made.code == 0, made.err
    link = made.json["download"]["id"]
    scheme, _, rest = made.json["url"].partition("://")
    assert scheme == "http"
    assert rest.partition("/")[2].startswith(f"api/v1/downloads/{link}/content?")
    assert link in holdfast("snapshot", "links").out
    assert "revoked" in holdfast("snapshot", "unlink", link).out


def test_a_file_comes_in_again(holdfast: Holdfast, tmp_path: Path, name: str) -> None:
    """Packed and sealed; shown as what it is; latest: passes it by; a wrong passphrase leaves nothing at the server."""
    secret, wrong, file = tmp_path / "phrase", tmp_path / "wrong", tmp_path / "x.age"
    secret.write_text("a long passphrase\n")
    wrong.write_text("another passphrase\n")
    sealed = ("--encrypt", "age", "--passphrase-file", str(secret), "--compress", "zstd")
    assert holdfast("snapshot", "download", f"latest:{name}", "-o", str(file), *sealed).code == 0
    refused = holdfast("snapshot", "import", str(file), "--db", name, "--passphrase-file", str(wrong))
    assert refused.code == 1, refused.out
    assert "cannot be decrypted" in refused.err
    line = ("snapshot", "import", str(file), "--db", name, "--passphrase-file", str(secret), "--tag", "old")
    made = holdfast("--json", *line, "--level", "L1")
    assert made.code == 0, made.err
    snapshot = made.json["snapshot"]
    shown = holdfast("snapshot", "show", snapshot["id"]).out
    assert "x.age" in shown
    assert "sqlite, zstd, age" in shown
    assert holdfast("--json", "snapshot", "show", f"latest:{name}").json["id"] != snapshot["id"]
    assert snapshot["id"] in holdfast("snapshot", "list", "--search", "X.AGE", "--why", "import").out
    held = holdfast("--json", "snapshot", "bulk", "hold", "--tag", "old", "--apply", "--confirm", "1")
    assert held.json["done"] == 1, held.err


def test_several_are_one_zip_and_life_is_set(
    holdfast: Holdfast, server: dict[str, str], tmp_path: Path, name: str
) -> None:
    assert run(server, "snapshot", "create", name).code == 0
    listed = holdfast("--json", "snapshot", "list", "--database", name).json
    ids = [item["id"] for item in listed[:2]]
    whole = tmp_path / "all.zip"
    made = holdfast("--json", "snapshot", "download", *ids, "-o", str(whole), "--compress", "none")
    assert made.code == 0, made.err
    assert made.json["download"]["snapshot_ids"] == ids
    with zipfile.ZipFile(whole) as opened:
        assert opened.testzip() is None
        assert len(opened.namelist()) == 4
    assert "unzip" in Path(made.json["restore_md"]).read_text()
    try:
        set_ = holdfast("--json", "snapshot", "link-life", "--default", "10m", "--max", "2d")
        assert set_.json == {"default_seconds": 600, "most_seconds": 172_800}
    finally:
        assert holdfast("snapshot", "link-life", "--default", "1h", "--max", "7d").code == 0

"""A store on an SFTP server: the shared suite, lines that break, keys that change, and what a login may do."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sftp_server import PASSWORD, USER, SftpHouse, sftp_house

from holdfast.kernel.errors import Conflict, Invalid, NeedsOperator, NotFound, Retryable
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.vault.stores import sftp_line
from holdfast.vault.stores.conformance import CASES, Case
from holdfast.vault.stores.sftp import SftpStore, sftp_store
from holdfast.vault.stores.sftp_place import SftpPlace
from holdfast.vault.stores.sftp_probe import probe_sftp, require_host_key

HERE = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpHouse]:
    with sftp_house(tmp_path_factory.mktemp("sftp")) as server:
        yield server


def place(house: SftpHouse, path: Path, **other: object) -> SftpPlace:
    fields = {"host": "127.0.0.1", "port": house.port, "user": USER, "host_key": house.shown} | other
    return SftpPlace(path=str(path), **fields)  # type: ignore[arg-type]


@pytest.fixture
def directory(house: SftpHouse) -> Iterator[Path]:
    made = house.root / f"dir-{time.monotonic_ns()}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def store(house: SftpHouse, directory: Path) -> SftpStore:
    return sftp_store(place(house, directory, prefix="p/q"), key=house.key, password=None, policy=HERE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_server_keeps_the_promises_of_a_store(case: Case, store: SftpStore) -> None:
    case(store)


def test_a_pack_goes_over_and_back_and_is_private(store: SftpStore, directory: Path) -> None:
    data = os.urandom(17 * 1024 * 1024)
    store.put("data/ab/pack", [data[:5], data[5:]])
    assert store.get("data/ab/pack") == data
    assert store.get("data/ab/pack", 9_000_001, 70_000) == data[9_000_001:9_070_001]
    file = directory / "p/q/data/ab/pack"
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o077 == 0
    assert list((directory / "p/q/tmp").iterdir()) == []


def test_a_password_logs_in_too_and_a_wrong_one_is_said(house: SftpHouse, directory: Path) -> None:
    sftp_store(place(house, directory), key=None, password=PASSWORD, policy=HERE).put("config", [b"x"])
    with pytest.raises(NeedsOperator) as refused:
        sftp_store(place(house, directory), key=None, password="wrong", policy=HERE).put("config", [b"x"])
    assert refused.value.code == "ssh_login_refused"


def test_another_host_key_is_nobody_we_talk_to(house: SftpHouse, directory: Path) -> None:
    store = sftp_store(place(house, directory), key=house.key, password=None, policy=HERE)
    store.put("config", [b"x"])
    house.change_host_key()
    with pytest.raises((NeedsOperator, Retryable)):
        store.get("config")  # the line of before was cut
    with pytest.raises(NeedsOperator) as refused:
        store.get("config")
    assert refused.value.code == "ssh_host_key_changed"


def test_a_line_that_breaks_is_passing_and_made_anew(house: SftpHouse, store: SftpStore) -> None:
    store.put("config", [b"x"])
    before = house.made
    house.drop()
    for _ in range(100):
        try:
            assert store.get("config") == b"x"
            break
        except Retryable:
            time.sleep(0.05)
    assert house.made == before + 1


def test_nobody_holds_a_line_that_is_idle_or_whose_store_is_gone(
    house: SftpHouse, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(count: int) -> bool:
        return any(len(house.connections) == count or time.sleep(0.05) for _ in range(200))

    def used() -> None:
        sftp_store(place(house, directory), key=house.key, password=None, policy=HERE).put("config", [b"x"])

    def idle() -> None:
        store = sftp_store(place(house, directory), key=house.key, password=None, policy=HERE)
        store.put("config", [b"x"])
        assert ends(0)

    gc.collect()
    assert ends(0)
    used()
    gc.collect()
    assert ends(0)
    monkeypatch.setattr(sftp_line, "IDLE_SECONDS", 0.2)
    idle()


def test_a_path_that_is_not_there_is_said_and_never_made(house: SftpHouse, directory: Path) -> None:
    gone = directory / "gone"
    store = sftp_store(place(house, gone, prefix="p"), key=house.key, password=None, policy=HERE)
    with pytest.raises(NotFound) as missing:
        store.put("config", [b"x"])
    assert missing.value.code == "bucket_missing"
    assert str(gone) in missing.value.message
    assert not gone.exists()


def test_a_full_disk_is_a_full_disk(house: SftpHouse, directory: Path) -> None:
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "holdfast-test", directory], check=True)
    try:
        store = sftp_store(place(house, directory), key=house.key, password=None, policy=HERE)
        with pytest.raises(Exception, match="no room left") as full:
            store.put("data/aa/big", [bytes(4 * 1024 * 1024)])
        assert full.value.code == "disk_full"  # type: ignore[attr-defined]
        assert list((directory / "tmp").iterdir()) == []
        assert not store.exists("data/aa/big")
        store.put("config", [b"fits"])
    finally:
        subprocess.run(["/bin/umount", directory], check=True)


def test_old_leftovers_are_swept_by_the_servers_clock(store: SftpStore, directory: Path) -> None:
    store.put("config", [b"x"])
    tmp = directory / "p/q/tmp"
    for name, age in (("old", 7200), ("young", 60)):
        (tmp / name).write_bytes(b"half")
        os.utime(tmp / name, (time.time() - age,) * 2)
    store.sweep()
    assert [path.name for path in tmp.iterdir()] == ["young"]


def test_a_host_key_nobody_confirmed_is_shown_and_refused(house: SftpHouse, directory: Path) -> None:
    unknown = place(house, directory, host_key="")
    with pytest.raises(Conflict) as shown:
        require_host_key(unknown, HERE)
    assert shown.value.code == "ssh_host_key_unconfirmed"
    assert shown.value.details["host_key"] == house.shown
    require_host_key(place(house, directory), HERE)


def test_the_test_of_a_login_says_what_it_may(house: SftpHouse, store: SftpStore, directory: Path) -> None:
    report = probe_sftp(place(house, directory, prefix="p/q"), store)
    assert report.ok
    found = {finding.check: finding.result for finding in report.findings}
    assert found == {
        "list": "ok", "write": "ok", "read": "ok", "conditional_write": "ok", "delete": "ok",
        "credential": "ok", "list_outside": "excess", "free": "ok", "versioning": "note",
    }  # fmt: skip


def test_a_login_with_a_shell_is_more_than_needed(tmp_path: Path) -> None:
    with sftp_house(tmp_path / "shell", commands=True) as server:
        server.root.mkdir()
        store = sftp_store(place(server, server.root), key=server.key, password=None, policy=HERE)
        findings = {each.check: each.result for each in probe_sftp(place(server, server.root), store).findings}
    assert findings["credential"] == "excess"


def test_an_address_of_this_machine_is_not_called_unless_allowed(house: SftpHouse, directory: Path) -> None:
    store = sftp_store(place(house, directory), key=house.key, password=None, policy=OutboundPolicy())
    before = house.made
    with pytest.raises(NeedsOperator) as refused:
        store.get("config")
    assert refused.value.code == "address_refused"
    assert house.made == before


GOOD = {"host": "nas.example", "user": "vault", "path": "/srv/backups"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", ""), ("user", "-oProxyCommand=x"), ("user", "a b"), ("user", "a:b"),
        ("path", "srv"), ("path", "/srv/../etc"), ("path", "/srv/./x"), ("path", "/srv\n"), ("path", "//srv"),
        ("port", 0), ("port", 65536), ("prefix", "/x"), ("prefix", "a/../b"),
        ("host", ""), ("host", "a b"), ("host", "user@nas"), ("host", "nas:22"), ("host", "nas/x"), ("host", "-o"),
        ("host", "0x7f.1"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_names_its_field(name: str, value: object) -> None:
    with pytest.raises(Invalid) as wrong:
        SftpPlace(**{**GOOD, name: value})  # type: ignore[arg-type]
    assert wrong.value.details["fields"][0]["field"] == name


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_typed_a_place_is_refused_or_stays_one_url(host: str, user: str, path: str) -> None:
    try:
        made = SftpPlace(host=host, user=user, path=path, prefix="p")
    except Invalid:
        return
    text = made.restic()
    assert text.startswith(f"sftp://{made.user}@")
    assert text.isprintable()
    assert ".." not in made.root.split("/")


@pytest.mark.parametrize(
    ("fields", "restic"),
    [
        (GOOD, "sftp://vault@nas.example:22//srv/backups/p"),
        (GOOD | {"host": "::1", "port": 2222, "path": "/"}, "sftp://vault@[::1]:2222//p"),
    ],
)
def test_what_stock_restic_takes(fields: dict[str, object], restic: str) -> None:
    assert SftpPlace(**fields, prefix="p").restic() == restic  # type: ignore[arg-type]

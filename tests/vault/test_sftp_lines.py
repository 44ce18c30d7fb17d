"""A line to an SFTP server that many use: whose failure ends what, and logins that may run no commands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path

import asyncssh
import pytest
from sftp_server import USER, SftpHouse, sftp_house

from holdfast.kernel.errors import Retryable
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.vault.stores import sftp_line
from holdfast.vault.stores.sftp import SftpStore, sftp_store
from holdfast.vault.stores.sftp_place import SftpPlace

HERE = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}))


@pytest.fixture(params=[False, True], ids=["files only", "shell"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SftpHouse]:
    with sftp_house(tmp_path / "sftp", commands=request.param) as server:
        server.root.mkdir()
        yield server


@pytest.fixture
def store(house: SftpHouse) -> SftpStore:
    place = SftpPlace("127.0.0.1", USER, str(house.root), port=house.port, host_key=house.shown)
    return sftp_store(place, key=house.key, password=None, policy=HERE)


def test_whether_a_login_runs_commands_is_told_at_once(
    house: SftpHouse, store: SftpStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under `ForceCommand internal-sftp` a command is the SFTP server: it waits for more, and succeeds at the end."""
    monkeypatch.setattr(sftp_line, "SHELL_SECONDS", 1000.0)  # not for want of an answer
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(store.line.shell).result(20) is house.commands
    assert store.line.call(lambda client: client.exists("/"))
    assert house.made == 1, "the line is as before"


def test_a_late_failure_leaves_the_line_that_was_made_since(house: SftpHouse, store: SftpStore) -> None:
    store.put("config", [b"x"])
    late, going = threading.Event(), threading.Event()

    async def fails_late(_: object) -> None:
        going.set()
        await asyncio.get_running_loop().run_in_executor(None, late.wait, 20)
        raise asyncssh.SFTPConnectionLost("the line of before")

    with ThreadPoolExecutor(1) as pool:
        failed = pool.submit(store.line.call, fails_late)
        try:
            assert going.wait(20)
            house.drop()
            read(store)
            made = house.made
        finally:
            late.set()
        with pytest.raises(Retryable):
            failed.result(20)
    assert store.get("config") == b"x"
    assert (made, house.made) == (2, 2), "nobody else's line was ended"


def read(store: SftpStore) -> None:
    """As soon as it can be again."""
    for _ in range(200):
        try:
            assert store.get("config") == b"x"
            return
        except Retryable:
            time.sleep(0.05)
    raise AssertionError("the line was not made anew")

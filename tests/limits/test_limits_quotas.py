"""Quotas are counted from rows: exact when many ask at once, there after a restart, changed live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from limits_house import House, house, key

from holdfast.features.access.actor import Actor
from holdfast.features.backups import store
from holdfast.features.backups.counts import COUNTS
from holdfast.features.backups.model import Snapshot, repositories, snapshots
from holdfast.features.backups.taking import Taker
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.model import limit_spent
from holdfast.features.limits.quota import Quotas
from holdfast.features.limits.words import Subject
from holdfast.kernel.ids import new_id


@pytest.fixture
def here(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def download(here: House, quotas: Quotas, actor: Actor, project: str | None = None) -> bool:
    try:
        with here.db.write() as conn:
            quotas.spend_download(conn, actor, project or here.project)
    except Limited:
        return False
    return True


def test_twenty_downloads_an_hour_also_after_a_restart(here: House) -> None:
    actor = key()
    assert [download(here, here.limits.quotas, actor) for _ in range(22)] == [True] * 20 + [False] * 2
    restarted = here.again().quotas
    assert not download(here, restarted, actor)
    assert download(here, restarted, key())
    here.clock.advance(3_601)
    assert download(here, restarted, actor)


def test_the_refusal_says_when_the_first_comes_back(here: House) -> None:
    actor = key()
    for _ in range(20):
        download(here, here.limits.quotas, actor)
        here.clock.advance(60)
    with here.db.read() as conn, pytest.raises(Limited) as refused:
        here.limits.quotas.require(conn, actor, here.project, "downloads")
    details = refused.value.details
    assert (details["limit"], details["used"], details["remaining"]) == (20, 20, 0)
    assert details["retry_after_seconds"] == 3600 - 20 * 60
    here.clock.advance(details["retry_after_seconds"])
    assert download(here, here.limits.quotas, actor)


def test_threads_get_exactly_what_there_is(here: House) -> None:
    """Nine keys of one project against its limit of 30: no two take the last one."""
    here.put("project", "downloads", 30, here.project)
    done, start = [], threading.Barrier(9)

    def ask(actor: Actor) -> None:
        start.wait()
        for _ in range(6):
            if download(here, here.limits.quotas, actor):
                done.append(actor.id)

    threads = [threading.Thread(target=ask, args=(key(),)) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 30
    with here.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(limit_spent)).scalar_one() == 30
    assert download(here, here.limits.quotas, key(), here.other)


def test_another_process_sees_a_change_in_its_next_transaction(here: House) -> None:
    runner, actor = here.again().quotas, here.stored_key()
    assert download(here, runner, actor)
    here.put("key", "downloads", 1, actor.id)
    assert not download(here, runner, actor)
    here.put("key", "downloads", None, actor.id)
    assert download(here, runner, actor)


def test_what_no_window_reaches_is_forgotten(here: House) -> None:
    download(here, here.limits.quotas, key())
    here.clock.advance(timedelta(days=32).total_seconds())
    download(here, here.limits.quotas, key())
    with here.db.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(limit_spent)).scalar_one() == 1


def snapshot(here: House, project: str, by: str, **changes: object) -> None:
    """One row; taken now."""
    repository = new_id("repo")
    now = here.clock.now()
    place = {"project_id": project, "created_by": by, "created_at": now, "state": "ready"}
    values = {**place, "id": new_id("snap"), "environment_id": "env", "resource_id": "db", "resource_name": "db"}
    values |= {"engine": "sqlite", "spec": {}, "repository_id": repository, "trigger": "manual", "summary": {}}
    values |= {"wanted_level": 1, "verification": "yellow", "tags": [], "hold": False, "version": 1}
    kept = {"id": repository, "project_id": project, "name": repository, "kind": "local", "state": "new"}
    with here.db.write() as conn:
        conn.execute(repositories.insert().values(**kept, is_default=False, created_by=by, created_at=now))
        conn.execute(snapshots.insert().values(**{**values, **changes}))


def test_backups_are_counted_whatever_became_of_them(here: House) -> None:
    quotas, actor = Quotas(here.limits.book, here.clock, COUNTS), here.stored_key()
    here.put("key", "backups", 3, actor.id)
    for state in ("ready", "failed", "deleted"):
        with here.db.read() as conn:
            quotas.require(conn, actor, here.project, "backups")
        snapshot(here, here.project, actor.id, state=state)
        here.clock.advance(3600)
    snapshot(here, here.project, actor.id, trigger="safety")
    with here.db.read() as conn, pytest.raises(Limited) as refused:
        quotas.require(conn, actor, here.project, "backups")
    assert refused.value.details["retry_after_seconds"] == 21 * 3600
    here.clock.advance(21 * 3600 + 1)
    with here.db.read() as conn:
        quotas.require(conn, actor, here.project, "backups")


def test_storage_is_what_is_kept_and_only_of_the_project(here: House) -> None:
    quotas = Quotas(here.limits.book, here.clock, COUNTS)
    here.put("project", "storage", 1000, here.project)
    snapshot(here, here.project, "usr_1", stored_bytes=600)
    snapshot(here, here.project, "usr_1", stored_bytes=900, state="deleted")
    snapshot(here, here.other, "usr_1", stored_bytes=10_000)
    with here.db.read() as conn:
        quotas.require_storage(conn, here.project)
        quotas.require_storage(conn, here.other)
        assert (
            quotas.used(
                conn,
                Subject("project", here.project),
                "storage",
                here.limits.book.limit(Subject("project", here.project), "storage"),
            )[0]
            == 600
        )
    snapshot(here, here.project, "usr_1", stored_bytes=400)
    with here.db.read() as conn, pytest.raises(Limited) as refused:
        quotas.require_storage(conn, here.project)
    assert refused.value.as_dict()["retryable"] is False
    assert "retry_after_seconds" not in refused.value.details
    assert refused.value.details["reset_at"] is None


def test_what_waited_in_the_queue_meets_the_quota_too(here: House) -> None:
    """The runner asks again when it begins; the safety snapshot of a restore is taken all the same."""
    quotas = Quotas(here.again().book, here.clock, COUNTS)
    unused: Any = None  # nothing of a database is looked at before the quota
    taker = Taker(here.db, unused, unused, here.clock, quotas)
    for trigger in ("manual", "safety"):
        snapshot(here, here.project, "usr_1", trigger=trigger, state="creating", tags=[trigger])
    snapshot(here, here.project, "usr_1", stored_bytes=10)
    with here.db.read() as conn:
        rows = {each.trigger: each for each in store.page(conn, Snapshot, state="creating", limit=9)}
    taker._require_room(rows["manual"])
    here.put("project", "storage", 10, here.project)
    with pytest.raises(Limited):
        taker._require_room(rows["manual"])
    taker._require_room(rows["safety"])

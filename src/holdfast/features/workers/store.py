"""One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.kv.model import kv_namespaces
from holdfast.features.workers.model import (
    Deployment,
    Version,
    Worker,
    worker_deployments,
    worker_versions,
    workers,
)

_w, _v, _d = workers.c, worker_versions.c, worker_deployments.c
_text = sa.cast(_d.versions, sa.Text)


def get(conn: sa.Connection, worker_id: str) -> Worker | None:
    return _worker(conn.execute(sa.select(workers).where(_w.id == worker_id)).first())


def by_slug(conn: sa.Connection, slug: str) -> Worker | None:
    return _worker(conn.execute(sa.select(workers).where(_w.slug == slug)).first())


def in_environment(conn: sa.Connection, environment_id: str, name: str) -> Worker | None:
    """By its name or slug; deleted ones are not found."""
    here = sa.and_(_w.environment_id == environment_id, _w.deleted_at.is_(None))
    named = sa.or_(_w.name == name, _w.slug == name)
    return _worker(conn.execute(sa.select(workers).where(here, named).order_by(_w.id)).first())


def page(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None,
    environment_id: str | None = None,
    name: str | None = None,
    q: str | None = None,
    bound_to: str | None = None,
    deleted: bool = False,
    after: str | None,
    limit: int,
) -> Sequence[Worker]:
    query = sa.select(workers).where(visible, _w.deleted_at.is_not(None) if deleted else _w.deleted_at.is_(None))
    for column, wanted in ((_w.project_id, project_id), (_w.environment_id, environment_id), (_w.name, name)):
        if wanted is not None:
            query = query.where(column == wanted)
    if q:
        query = query.where(sa.or_(_w.name.icontains(q, autoescape=True), _w.slug.icontains(q, autoescape=True)))
    if bound_to is not None:
        query = query.where(_w.id != bound_to, _w.id.in_(_bound(bound_to)))
    if after is not None:
        query = query.where(_w.id > after)
    return [Worker(**row._mapping) for row in conn.execute(query.order_by(_w.id).limit(limit))]


def _bound(target: str) -> sa.Select[tuple[str]]:
    """Workers whose last deployment has a binding to this database, namespace or worker, or to the namespace that this
    database holds."""
    held = sa.exists().where(kv_namespaces.c.resource_id == target, _text.contains(kv_namespaces.c.id))
    newest = sa.select(sa.func.max(_d.number)).where(_d.worker_id == _w.id).correlate(workers).scalar_subquery()
    named = sa.or_(_text.contains(f'"{target}"', autoescape=True), held)
    return sa.select(_d.worker_id).where(_d.worker_id == _w.id, _d.number == newest, named)


def insert(conn: sa.Connection, made: Worker) -> None:
    conn.execute(workers.insert().values(**asdict(made)))


def change(
    conn: sa.Connection, worker_id: str, version: int | None, now: datetime, values: Mapping[str, Any]
) -> Worker | None:
    """None when `version` is no longer current; None as version is any."""
    query = workers.update().where(_w.id == worker_id)
    if version is not None:
        query = query.where(_w.version == version)
    query = query.values(**values, version=_w.version + 1, updated_at=now)
    return _worker(conn.execute(query.returning(*_w)).first())


def expired(conn: sa.Connection, now: datetime, limit: int) -> Sequence[Worker]:
    query = sa.select(workers).where(_w.purge_after <= now).order_by(_w.id).limit(limit)
    return [Worker(**row._mapping) for row in conn.execute(query)]


def delete(conn: sa.Connection, worker_id: str) -> None:
    """With everything that is its own."""
    conn.execute(workers.delete().where(_w.id == worker_id))


def any_in(conn: sa.Connection, environment_id: str) -> Worker | None:
    return _worker(conn.execute(sa.select(workers).where(_w.environment_id == environment_id).limit(1)).first())


def version(conn: sa.Connection, version_id: str) -> Version | None:
    return _version(conn.execute(sa.select(worker_versions).where(_v.id == version_id)).first())


def versions(conn: sa.Connection, worker_id: str, *, before: int | None, limit: int) -> Sequence[Version]:
    """Newest first."""
    query = sa.select(worker_versions).where(_v.worker_id == worker_id)
    if before is not None:
        query = query.where(_v.number < before)
    return [Version(**row._mapping) for row in conn.execute(query.order_by(_v.number.desc()).limit(limit))]


def versions_by_id(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Version]:
    rows = conn.execute(sa.select(worker_versions).where(_v.id.in_(list(ids))))
    return {row.id: Version(**row._mapping) for row in rows}


def packages_named(conn: sa.Connection) -> list[str]:
    """Where the packages of every version lie that there is, deployed or not: a rollback needs them."""
    query = sa.select(_v.packages).where(_v.packages.is_not(None)).distinct()
    return [str(each) for each in conn.execute(query).scalars()]


def next_version(conn: sa.Connection, worker_id: str) -> int:
    """Numbers are not given again while the newest is there."""
    return (conn.execute(sa.select(sa.func.max(_v.number)).where(_v.worker_id == worker_id)).scalar() or 0) + 1


def insert_version(conn: sa.Connection, made: Version) -> None:
    conn.execute(worker_versions.insert().values(**asdict(made)))


def begin_build(conn: sa.Connection, version_id: str, run_id: str) -> None:
    """`run_id` installs its packages."""
    conn.execute(sa.update(worker_versions).where(worker_versions.c.id == version_id).values(run_id=run_id))


def end_version(conn: sa.Connection, version_id: str, **values: Any) -> Version | None:
    """Out of `building`; None when it was not."""
    query = worker_versions.update().where(_v.id == version_id, _v.state == "building").values(**values)
    return _version(conn.execute(query.returning(*_v)).first())


def tag_version(conn: sa.Connection, version_id: str, tag: str | None) -> Version | None:
    query = worker_versions.update().where(_v.id == version_id).values(tag=tag)
    return _version(conn.execute(query.returning(*_v)).first())


def forget_version(conn: sa.Connection, version_id: str) -> None:
    conn.execute(worker_versions.delete().where(_v.id == version_id))


def older_versions(conn: sa.Connection, worker_id: str, keep: int) -> Sequence[Version]:
    """All but the newest `keep`."""
    query = sa.select(worker_versions).where(_v.worker_id == worker_id).order_by(_v.number.desc()).offset(keep)
    return [Version(**row._mapping) for row in conn.execute(query)]


def deployment(conn: sa.Connection, worker_id: str) -> Deployment | None:
    """The one that counts."""
    query = sa.select(worker_deployments).where(_d.worker_id == worker_id).order_by(_d.number.desc()).limit(1)
    return _deployment(conn.execute(query).first())


def deployments(conn: sa.Connection, worker_id: str, *, before: int | None, limit: int) -> Sequence[Deployment]:
    """Newest first."""
    query = sa.select(worker_deployments).where(_d.worker_id == worker_id)
    if before is not None:
        query = query.where(_d.number < before)
    return [Deployment(**row._mapping) for row in conn.execute(query.order_by(_d.number.desc()).limit(limit))]


def insert_deployment(conn: sa.Connection, made: Deployment) -> None:
    conn.execute(worker_deployments.insert().values(**asdict(made)))


def current(conn: sa.Connection) -> Sequence[tuple[Worker, Deployment]]:
    """Every living worker that was deployed, with what counts."""
    newest = sa.select(_d.worker_id, sa.func.max(_d.number).label("number")).group_by(_d.worker_id).subquery()
    is_newest = sa.and_(newest.c.worker_id == _d.worker_id, newest.c.number == _d.number)
    rows = conn.execute(sa.select(worker_deployments).join(newest, is_newest))
    found = {row.worker_id: Deployment(**row._mapping) for row in rows}
    living = conn.execute(sa.select(workers).where(_w.deleted_at.is_(None)).order_by(_w.id))
    return [(Worker(**row._mapping), found[row.id]) for row in living if row.id in found]


def by_share(deployed: Deployment | None) -> list[Mapping[str, Any]]:
    """Its shares, the largest first, of equal ones the newest version's. The first takes calls that name no version; a
    turn of a cron is taken by the first that has its line and any weight, as the pool has it."""
    shares = deployed.versions if deployed else ()
    return sorted(shares, key=lambda each: (each["weight"], each["number"]), reverse=True)


def superseded(conn: sa.Connection, since: datetime) -> Sequence[Deployment]:
    """Those that counted until some moment after `since`; the newest of a worker last."""
    following = worker_deployments.alias()
    follows = sa.and_(following.c.worker_id == _d.worker_id, following.c.number == _d.number + 1)
    query = sa.select(worker_deployments).join(following, follows).where(following.c.created_at > since)
    return [Deployment(**row._mapping) for row in conn.execute(query.order_by(_d.worker_id, _d.number))]


def _worker(row: sa.Row[Any] | None) -> Worker | None:
    return None if row is None else Worker(**row._mapping)


def _version(row: sa.Row[Any] | None) -> Version | None:
    return None if row is None else Version(**row._mapping)


def _deployment(row: sa.Row[Any] | None) -> Deployment | None:
    return None if row is None else Deployment(**row._mapping)

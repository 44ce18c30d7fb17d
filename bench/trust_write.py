"""A real write, `PATCH /projects/{id}`'s service verb, as it is and with nobody asking who may or recording who did.

Both run the same statements in the same two transactions, turn and turn about, so that a disk that slows down slows
both. "As it is" reads the person's grants (one installation role and twenty in projects), checks, and writes the
audit row with its indexes; the commit that both pay for is FULL.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import holdfast.app as composition
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.grants import Place
from holdfast.features.access.model import User, role_grants, users
from holdfast.features.access.roles import grants_of
from holdfast.features.projects.service import ProjectsService
from holdfast.kernel import audit
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings

ROUNDS, GRANTS, BAR_MS = 1500, 20, 0.3


class _Trusted(Actor):
    """Nobody asks this one anything."""

    def require(self, permission: str, place: Place | None = None, *, noun: str | None = None) -> None:  # noqa: ARG002
        return None


def _person(services: Any) -> tuple[User, list[str]]:
    """Someone who may change projects because of a role in each, and the projects."""
    root, clock = local_actor(0), SystemClock()
    projects = [services.projects.create(root, f"bench {number}").id for number in range(GRANTS)]
    person = User(new_id("usr"), "bench@example.org", "-", "member", clock.now(), None)
    with services.db.write() as conn:
        names = {column.name for column in users.c}
        conn.execute(users.insert().values({name: each for name, each in vars(person).items() if name in names}))
        for project_id in projects:
            given = {"id": new_id("grt"), "user_id": person.id, "role": "admin", "project_id": project_id}
            row = {**given, "environment_id": None, "created_by": "system", "created_at": clock.now()}
            wanted = {column.name: row.get(column.name) for column in role_grants.c}
            conn.execute(role_grants.insert().values(wanted))
    return person, projects


def _measure(services: Any) -> dict[str, list[float]]:
    person, projects = _person(services)
    verbs: ProjectsService = services.projects
    record = audit.record
    taken: dict[str, list[float]] = {"with": [], "without": []}
    versions = dict.fromkeys(projects, 1)
    for number in range(2 * ROUNDS + 40):
        trusted = number % 2 == 1
        project_id = projects[number // 2 % len(projects)]
        audit.record = (lambda *_given, **_named: None) if trusted else record  # type: ignore[assignment]
        started = time.perf_counter()
        with services.db.read() as conn:
            conn.execute(sa.select(users).where(users.c.id == person.id)).first()
            held = () if trusted else grants_of(conn, person)
        actor = (_Trusted if trusted else Actor)(person.id, "user", person.email, held)
        verbs.update(actor, project_id, versions[project_id], {"description": f"round {number}"})
        spent = (time.perf_counter() - started) * 1000
        versions[project_id] += 1
        if number >= 40:
            taken["without" if trusted else "with"].append(spent)
    audit.record = record
    return taken


def report() -> bool:
    """Prints p50 and p95 of both and what is between them; whether the bar is met."""
    base = Path(tempfile.mkdtemp(prefix="hfbench-"))
    (base / "data").mkdir()
    services = composition.build_services(Settings(base / "data", base / "run", base / "master.key"))
    try:
        taken = _measure(services)
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base, ignore_errors=True)
    for name, values in taken.items():
        p50, p95 = statistics.median(values), sorted(values)[len(values) * 19 // 20]
        print(f"write {name:8} p50 {p50:.3f} ms  p95 {p95:.3f} ms")
    added = statistics.median(taken["with"]) - statistics.median(taken["without"])
    met = added <= BAR_MS
    print(f"permission check + audit add {added:.3f} ms p50, bar {BAR_MS} ms  {'ok' if met else 'MISSED'}", flush=True)
    return met

"""The api as the composition root builds it, in this process, over a metadata file with rows in every list."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import metadata_home
import sqlalchemy as sa
from starlette.testclient import TestClient

from holdfast import app as composition
from holdfast.features.access import store as access
from holdfast.features.access.accounts import store as accounts
from holdfast.features.access.accounts.model import Invite
from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.factors.model import passkeys
from holdfast.features.access.granting import store as granting
from holdfast.features.access.granting.model import Given, Role
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.model import User
from holdfast.features.access.permissions import ALL
from holdfast.features.access.sso import store as sso
from holdfast.features.access.sso.model import Identity, Provider
from holdfast.features.access.tokens.service import TokenService
from holdfast.features.alerts import store as alert_store
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.model import Alert, Channel, Rule
from holdfast.features.audit.sequencer import Sequencer
from holdfast.features.backups import proofs
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import CheckRow, RepositoryRow, Restore, Snapshot, VerificationRow
from holdfast.features.backups.tagging import store as tagging
from holdfast.features.backups.tagging.model import Conditions, Tag
from holdfast.features.backups.tagging.model import Rule as TagRule
from holdfast.features.connections import login_store
from holdfast.features.connections import store as connections
from holdfast.features.connections.model import NamedLogin, Tunnel
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource, statements
from holdfast.features.drills import store as drills_store
from holdfast.features.drills.model import Aims, Drill
from holdfast.features.files import store as files_store
from holdfast.features.files.model import Download
from holdfast.features.limits import store as limits_store
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.model import Override
from holdfast.features.limits.service import LimitsService
from holdfast.features.limits.words import SHIPPED, Subject
from holdfast.features.masking import store as masking_store
from holdfast.features.masking.model import MaskingProfile
from holdfast.features.migrations import store as migrations_store
from holdfast.features.migrations.model import Migration, StepRow
from holdfast.features.moves import store as moves_store
from holdfast.features.moves.model import Move
from holdfast.features.plans import store as plans_store
from holdfast.features.plans.model import Member, Plan, Turn
from holdfast.features.recovery import store as recovery
from holdfast.features.recovery.model import MetadataSnapshot
from holdfast.features.saved import store as saved_store
from holdfast.features.saved.model import SavedQuery, Version
from holdfast.features.secrets.service import SecretsService
from holdfast.features.transfers import store as transfers
from holdfast.features.transfers.model import Export, Import, Upload
from holdfast.features.upgrades import store as upgrade_store
from holdfast.features.upgrades.model import Upgrade
from holdfast.http import Services, create_app
from holdfast.jobs import Jobs
from holdfast.jobs.schema import nodes, run_logs, runs
from holdfast.kernel import audit
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.db import metadata
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.vault.plain.wish import FileWish

ROOT: Actor = local_actor(0)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Inside:
    """`ids["mine"]`, `ids["theirs"]`: noun -> id in two projects; `absent` has the same shape and exists nowhere."""

    settings: Settings
    services: Services
    client: TestClient
    ids: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def absent(self) -> dict[str, str]:
        return {noun: value.partition("_")[0] + "_" + "0" * 26 for noun, value in self.ids["mine"].items()}

    @property
    def secrets(self) -> SecretsService:
        found = self.services.parts[SecretsService]
        assert isinstance(found, SecretsService)
        return found

    def key(self, **wanted: Any) -> dict[str, str]:
        """The header of a new key."""
        _, text = self.services.keys.create(ROOT, WantedKey(**{"name": "walk", **wanted}))
        return {"Authorization": f"Bearer {text}"}

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but for what a denied call may leave: its audit row and when a key was used."""
        found = {}
        with self.services.db.read() as conn:
            for table in metadata.sorted_tables:
                kept = [
                    column for column in table.c if column.name not in ("last_used_at", "secret_used_at", "seen_at")
                ]
                if table.name not in ("audit_events", "audit_head"):
                    found[table.name] = sorted((tuple(row) for row in conn.execute(sa.select(*kept))), key=repr)
        return found

    def audit(self) -> list[Mapping[str, Any]]:
        table = metadata.tables["audit_events"]
        with self.services.db.read() as conn:
            return [dict(row) for row in conn.execute(sa.select(table).order_by(table.c.id)).mappings()]

    def settle(self, project: Mapping[str, str], number: int) -> dict[str, str]:
        """One more of everything in a project, straight through the stores."""
        own = dict(project)
        kind = own["environment"]
        with self.services.db.write() as conn:
            resource = resource_row(own["project"], kind, f"db{number}")
            databases.insert(conn, resource)
            repository = repository_row(own["project"], f"repo{number}")
            backups.insert(conn, repository)
            proofs.insert_check(conn, check_row(repository.id))
            snapshot = snapshot_row(resource, repository.id)
            backups.insert(conn, snapshot)
            backups.insert(conn, verification_row(snapshot.id))
            backups.insert(conn, restore_row(snapshot))
            drill = drill_row(snapshot)
            drills_store.insert(conn, drill)
            drills_store.put_aims(conn, Aims(resource.id, [], None, None, 1, "usr_walk", NOW), 0)
            recovery.insert(conn, metadata_row(repository.id))
            move = move_row(resource, number)
            moves_store.insert(conn, move)
            files = transfer_rows(conn, resource)
            masking = masking_row(own["project"], f"mask{number}")
            masking_store.insert(conn, masking)
            tagging.put(conn, Tag(own["project"], f"tag{number}", "red", "", "usr_walk", NOW))
            tagging.put(conn, TagRule(own["project"], f"rule{number}", ["walked"], Conditions(), True, "usr_walk", NOW))
            download = download_row(snapshot)
            files_store.insert(conn, download)
            saved = saved_row(resource, f"saved{number}")
            saved_store.insert(conn, saved)
            saved_store.keep(conn, Version(saved.id, 1, NOW, "usr_walk", saved.content))
            run = Jobs(self.services.db, clock=SystemClock()).submit(
                conn,
                kind="snapshot.create",
                actor="usr_walk",
                project_id=own["project"],
                environment_id=kind,
                resource_id=resource.id,
            )
            conn.execute(runs.update().where(runs.c.id == run.id).values(state="succeeded"))
            for seq in range(1, 4):
                conn.execute(
                    run_logs.insert().values(run_id=run.id, seq=seq, at=NOW, level="info", message="m", fields={})
                )
            conn.execute(statements.insert().values(**statement_row(resource.id)))
            migration = migration_row(resource, 1)
            migrations_store.insert(conn, migration)
            migrations_store.add_step(conn, step_row(resource.id))
            tunnel = tunnel_row(resource)
            connections.insert(conn, tunnel)
            upgrade = upgrade_row(resource)
            upgrade_store.insert(conn, upgrade)
            plan = plan_row(own["project"], f"plan{number}", resource.id)
            plans_store.insert(conn, plan)
            turn = turn_row(plan, run.id)
            plans_store.insert_turn(conn, turn)
            plans_store.insert_members(conn, [member_row(turn, resource.id)])
            login = login_row(resource, f"login{number}")
            login_store.insert(conn, login)
            alerting = alert_rows(conn, resource, number)
            people = people_rows(conn)
            provider = provider_row(new_id("idp"))
            sso.insert_provider(conn, provider)
            identity = Identity(new_id("idn"), provider.id, people["user"], provider.issuer, "sub", "a@b.c", NOW, None)
            sso.insert_identity(conn, identity)
            people |= role_rows(conn, people["user"], own["project"])
            event = audit_row(conn, own["project"], kind, resource.id)
        self.secrets.put(ROOT, kind, f"SECRET_{number}", "the value of a secret")
        key, _ = self.services.keys.create(ROOT, WantedKey("settled", projects=[own["project"]], role="viewer"))
        made = {"database": resource.id, "repository": repository.id, "snapshot": snapshot.id, "run": run.id}
        made |= {"tunnel": tunnel.id, "login": login.id, "upgrade": upgrade.id}
        made["move"] = move.id
        made["drill"] = drill.id
        made |= alerting
        made["download"] = download.id
        made["node"] = node_row(self.services)
        made["migration"] = migration.id
        made["limit"] = limit_row(self.services, own["project"], key.id if number else "")
        made |= {"saved_query": saved.id, "plan": plan.id, "turn": turn.id}
        made |= {"masking_profile": masking.id, "provider": provider.id, "identity": identity.id}
        tokens = self.services.parts[TokenService].create(self.services.keys.actor_of_id(key.id), "settled")
        self.services.parts[Sequencer].catch_up()
        return {**own, **made, **files, **people, "key": key.id, "family": tokens.family.id, "event": event}

    def more_lines(self, count: int) -> None:
        """More of what hangs on the first database, snapshot and run."""
        mine = self.ids["mine"]
        with self.services.db.write() as conn:
            for seq in range(4, 4 + count):
                line = {"run_id": mine["run"], "seq": seq, "at": NOW, "level": "info", "message": "m", "fields": {}}
                conn.execute(run_logs.insert().values(**line))
                conn.execute(statements.insert().values(**statement_row(mine["database"])))
                backups.insert(conn, verification_row(mine["snapshot"]))
                proofs.insert_check(conn, check_row(mine["repository"]))
                there = resource_row(mine["project"], mine["environment"], "", id=mine["database"])
                migrations_store.insert(conn, migration_row(there, seq))
                migrations_store.add_step(conn, step_row(there.id))
                connections.insert(conn, tunnel_row(there))
                login_store.insert(conn, login_row(there, f"more{seq}"))
                upgrade_store.insert(conn, upgrade_row(there))
                session_row(conn, mine["user"])


def resource_row(project_id: str, environment_id: str, name: str, **changes: Any) -> Resource:
    values: dict[str, Any] = dict.fromkeys(Resource.__dataclass_fields__)
    values |= {"project_id": project_id, "environment_id": environment_id, "kind": "database", "engine": "sqlite"}
    values |= {"id": new_id("db"), "name": name, "spec": {}, "labels": {}, "notes": "", "state": "ready"}
    values |= {"deletion_protection": False, "generation": 1, "version": 1, "created_by": "usr_walk"}
    return Resource(**{**values, "created_at": NOW, "updated_at": NOW, **changes})


def repository_row(project_id: str, name: str) -> RepositoryRow:
    return RepositoryRow(new_id("repo"), project_id, name, "local", "new", False, None, None, "usr_walk", NOW)


def check_row(repository_id: str) -> CheckRow:
    return CheckRow(new_id("chk"), repository_id, None, "structure", True, 0.1, 1, 0, 1, 0, 1, [], 0, NOW)


def transfer_rows(conn: sa.Connection, resource: Resource) -> dict[str, str]:
    """A file out, a file in, and what came of it."""
    place = {"project_id": resource.project_id, "environment_id": resource.environment_id, "resource_id": resource.id}
    place |= {"created_by": "usr_walk", "created_at": NOW, "expires_at": datetime.now(UTC) + timedelta(7)}
    upload, export, imported = new_id("upl"), new_id("exp"), new_id("imp")
    transfers.insert(conn, Upload(id=upload, **place, state="open", name="walk.csv", size=5, received=0, sha256=None))
    ended: dict[str, Any] = {"run_id": None, "error": None, "finished_at": NOW}
    wish = {"form": "csv", "table": "t", "statement": None}
    file = {"name": "walk.csv", "wish": wish, "bytes": 5, "sha256": "0" * 64}
    transfers.insert(conn, Export(id=export, **place, state="failed", **file, **ended))
    came = {"upload_id": upload, "wish": {}, "token": None, "result": None}
    transfers.insert(conn, Import(id=imported, **place, state="failed", **came, **ended))
    return {"upload": upload, "export": export, "import": imported}


def metadata_row(repository_id: str) -> MetadataSnapshot:
    none: Any = None
    ends = {"bytes": 1, "stored_bytes": 1, "rows": 1, "audit_seq": 1, "error": none, "created_at": NOW, "taken_at": NOW}
    return MetadataSnapshot(new_id("snap"), repository_id, "0" * 64, none, "ready", "manual", **ends)


def alert_rows(conn: sa.Connection, resource: Resource, number: int) -> dict[str, str]:
    """A channel that is switched off, a rule, an alert, and a dead letter."""
    project = resource.project_id
    made = {"created_by": "usr_walk", "created_at": NOW, "updated_at": NOW, "version": 1}
    values: dict[str, Any] = dict.fromkeys(Channel.__dataclass_fields__)
    values |= {"id": new_id("chn"), "scope": project, "project_id": project, "name": f"channel{number}", **made}
    values |= {"kind": "webhook", "config": {"origin": "https://hooks.example.org:443"}, "enabled": False}
    channel = Channel(
        **values | {"digest_at": "", "tz": "UTC", "gather_seconds": 60, "origin": "api", "digest_from": NOW}
    )
    rule: dict[str, Any] = dict.fromkeys(Rule.__dataclass_fields__)
    rule |= {"id": new_id("alr"), "scope": project, "project_id": project, "name": f"rule{number}", **made}
    rule |= {"events": ["backup_failed"], "channel_ids": [], "labels": {}, "mode": "digest", "enabled": True}
    alert: dict[str, Any] = dict.fromkeys(Alert.__dataclass_fields__)
    alert |= {
        "id": new_id("alt"),
        "key": f"backup_failed:{resource.id}",
        "type": "backup_failed",
        "severity": "warning",
    }
    alert |= {"state": "open", "project_id": project, "environment_id": resource.environment_id, "count": 1}
    alert |= {"resource_id": resource.id, "name": resource.name, "details": {}, "first_at": NOW, "last_at": NOW}
    letter = replace(delivery_store.queued(channel, f"walk:{number}", "digest", NOW, payload={}), state="dead")
    for row in (channel, Rule(**rule), Alert(**alert | {"version": 1})):
        alert_store.insert(conn, row)
    delivery_store.insert(conn, letter)
    return {"channel": channel.id, "rule": rule["id"], "alert": alert["id"], "delivery": letter.id}


def download_row(snapshot: Snapshot) -> Download:
    """A link whose key nobody has."""
    values: dict[str, Any] = dict.fromkeys(Download.__dataclass_fields__)
    values |= {"id": new_id("dl"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"resource_id": snapshot.resource_id, "snapshot_id": snapshot.id, "created_by": "usr_walk"}
    values |= {"state": "open", "once": False, "wish": FileWish().as_json(), "name": "walk.gz", "uses": 0}
    return Download(**{**values, "created_at": NOW, "expires_at": datetime.now(UTC) + timedelta(7)})


def masking_row(project_id: str, name: str) -> MaskingProfile:
    return MaskingProfile(new_id("msk"), project_id, name, "sqlite", "", ["SELECT 1"], 1, "usr_walk", NOW, NOW)


def plan_row(project_id: str, name: str, resource_id: str) -> Plan:
    """Of the whole project, production among it."""
    lists: dict[str, Any] = {"environment_ids": [], "repository_ids": [], "schedules": []}
    selection = {"all": False, "resources": [resource_id], "names": [], "labels": ["walk"]}
    values: dict[str, Any] = dict.fromkeys(Plan.__dataclass_fields__)
    values |= {"id": new_id("plan"), "project_id": project_id, "name": name, "description": "", **lists}
    values |= {"selection": selection, "options": {}, "concurrency": 2, "enabled": True, "version": 1}
    return Plan(**{**values, "created_by": "usr_walk", "armed_at": NOW, "created_at": NOW, "updated_at": NOW})


def turn_row(plan: Plan, run_id: str) -> Turn:
    values: dict[str, Any] = dict.fromkeys(Turn.__dataclass_fields__)
    values |= {"id": new_id("turn"), "plan_id": plan.id, "project_id": plan.project_id, "schedule": "daily"}
    values |= {"trigger": "schedule", "actor": "usr_walk", "run_id": run_id, "state": "pending", "requested_at": NOW}
    return Turn(**{**values, "due_at": NOW, "total": 1, "succeeded": 0, "failed": 0})


def member_row(turn: Turn, resource_id: str) -> Member:
    values: dict[str, Any] = dict.fromkeys(Member.__dataclass_fields__)
    values |= {"turn_id": turn.id, "resource_id": resource_id, "repository_id": "", "plan_id": turn.plan_id}
    return Member(**{**values, "resource_name": "db", "state": "waiting", "due_at": NOW, "not_before": NOW})


def node_row(services: Services) -> str:
    """A node that was never there, and beats for a hundred years."""
    values = {"name": new_id("node"), "data_id": new_id("node"), "machine": "m", "version": "1", "addresses": []}
    with services.db.write() as conn:
        conn.execute(nodes.insert().values(**values, joined_at=NOW, beat_at=NOW + timedelta(days=36500)))
    return values["name"]  # type: ignore[return-value]


def saved_row(resource: Resource, name: str) -> SavedQuery:
    values: dict[str, Any] = {"id": new_id("sqy"), "project_id": resource.project_id, "resource_id": resource.id}
    values |= {"environment_id": resource.environment_id, "owner": "", "name": name, "description": ""}
    values |= {"statement": "SELECT 1", "write": False, "parameters": [], "version": 1, "created_by": "usr_walk"}
    return SavedQuery(**values, created_at=NOW, updated_at=NOW)


def limit_row(services: Services, project_id: str, key_id: str) -> str:
    """One limit that is none: the project's, or of one of its keys."""
    kind: Any = "key" if key_id else "project"
    row = Override(new_id("lim"), kind, key_id or project_id, "downloads", None, 3600, project_id, "usr_walk", NOW)
    with services.db.write() as conn:
        limits_store.insert(conn, row)
    return row.id


def without_limits(services: Services) -> None:
    """A walk asks more in a minute than anyone may in an hour, and counts statements: nobody else makes any."""
    services.parts[LimitBook].poll_seconds = None
    for kind, limits in SHIPPED.items():
        for what in limits:
            services.parts[LimitsService].put(ROOT, Subject(kind), what, None, None)


def provider_row(provider_id: str) -> Provider:
    """Switched off: nobody is asked."""
    texts = {"name": provider_id, "issuer": f"https://{provider_id}.example", "client_id": "walk"}
    lists = {"scopes": ("openid",), "allowed_domains": (), "mapping": (), "group_claim": "groups"}
    flags = dict.fromkeys(("has_secret", "create_accounts", "enabled", "trust_factors", "allow_private"), False)
    made = {"version": 1, "created_by": "usr_walk", "created_at": NOW, "updated_at": NOW}
    return Provider(id=provider_id, **texts, **lists, **flags, **made)


def snapshot_row(resource: Resource, repository_id: str, **changes: Any) -> Snapshot:
    values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__)
    values |= {"id": new_id("snap"), "project_id": resource.project_id, "environment_id": resource.environment_id}
    values |= {"resource_id": resource.id, "resource_name": resource.name, "engine": "sqlite", "spec": {}}
    values |= {"repository_id": repository_id, "restic_id": "0" * 64, "state": "ready", "trigger": "manual"}
    values |= {"summary": {}, "wanted_level": 1, "verification": "yellow", "tags": [], "hold": False, "version": 1}
    return Snapshot(**{**values, "created_by": "usr_walk", "created_at": NOW, **changes})


def verification_row(snapshot_id: str) -> VerificationRow:
    return VerificationRow(new_id("ver"), snapshot_id, None, 1, "hash", True, 0.1, 10, [], None, NOW)


def restore_row(snapshot: Snapshot) -> Restore:
    values: dict[str, Any] = dict.fromkeys(Restore.__dataclass_fields__)
    values |= {"id": new_id("res"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"snapshot_id": snapshot.id, "resource_id": snapshot.resource_id, "mode": "new", "actor": "usr_walk"}
    return Restore(**{**values, "select": [], "state": "done", "at": NOW})


def drill_row(snapshot: Snapshot) -> Drill:
    values: dict[str, Any] = dict.fromkeys(Drill.__dataclass_fields__)
    values |= {"id": new_id("drl"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"resource_id": snapshot.resource_id, "resource_name": "walk", "snapshot_id": snapshot.id}
    values |= {"state": "passed", "aims": {"checks": []}, "checks": [], "requested_by": "usr_walk"}
    return Drill(**{**values, "requested_at": NOW, "finished_at": NOW})


def move_row(resource: Resource, number: int) -> Move:
    """Planned, and nothing would be lost."""
    values: dict[str, Any] = dict.fromkeys(Move.__dataclass_fields__)
    values |= {"id": new_id("mov"), "project_id": resource.project_id, "environment_id": resource.environment_id}
    values |= {"resource_id": resource.id, "engine": "postgresql", "name": f"moved{number}", "spec": {}}
    values |= {"state": "planned", "fingerprint": "0" * 64, "tables": [], "losses": []}
    return Move(**{**values, "created_by": "usr_walk", "created_at": NOW})


def tunnel_row(resource: Resource) -> Tunnel:
    place = (resource.project_id, resource.environment_id, resource.id)
    later = datetime.now(UTC) + timedelta(days=1)
    return Tunnel(new_id("tun"), *place, 1, "usr_walk", "ro", new_id("hf"), NOW, later, NOW)


def upgrade_row(resource: Resource) -> Upgrade:
    place = (resource.project_id, resource.environment_id, resource.id)
    later = (None, None, None, NOW, NOW)
    return Upgrade(new_id("upg"), *place, "usr_walk", "16", "18", True, new_id("snap"), "rehearsed", {}, *later)


def login_row(resource: Resource, name: str) -> NamedLogin:
    place = (resource.project_id, resource.environment_id, resource.id)
    return NamedLogin(new_id("lgn"), *place, name, "ro", "usr_walk", NOW, NOW)


def migration_row(resource: Resource, number: int) -> Migration:
    place = (resource.project_id, resource.environment_id, resource.id)
    return Migration(new_id("mig"), *place, number, "walk", "SELECT 1", None, "0", None, None, 1, "usr_walk", NOW)


def step_row(resource_id: str) -> StepRow:
    what = (1, "walk", "0", "up", "succeeded", "usr_walk", "run_walk", None, 0.1, 1, None)
    return StepRow(new_id("mgs"), resource_id, *what, NOW)


def statement_row(resource_id: str) -> dict[str, Any]:
    values = {"id": new_id("qry"), "resource_id": resource_id, "actor": "usr_walk", "at": NOW, "write": False}
    return {**values, "fingerprint": "SELECT ?", "status": "ok", "duration_ms": 1.0, "rows": 1, "affected": None}


def people_rows(conn: sa.Connection) -> dict[str, str]:
    """Someone with an account who is signed in, and someone who was asked to come."""
    user, invite, now = new_id("usr"), new_id("inv"), datetime.now(UTC)
    access.insert_user(conn, User(user, f"{user}@example.org", "", "member", now, None))
    asked = Invite(invite, f"{invite}@example.org", "member", (), "usr_walk", now, now + timedelta(7), None, None, None)
    accounts.insert_invite(conn, asked, invite)
    return {"user": user, "invite": invite, "session": session_row(conn, user), "passkey": passkey_row(conn, user)}


def passkey_row(conn: sa.Connection, user_id: str) -> str:
    made, none = new_id("psk"), {"transports": [], "backed_up": False, "sign_count": 0, "public_key": ""}
    row = {"id": made, "user_id": user_id, "credential_id": made, "rp_id": "localhost", "name": "walk"}
    conn.execute(passkeys.insert().values(**row, **none, created_at=NOW))
    return made


def role_rows(conn: sa.Connection, user_id: str, project_id: str) -> dict[str, str]:
    """A custom role, and a grant of it in a project."""
    role, grant = new_id("rol"), new_id("grt")
    granting.insert_role(
        conn, Role(role, f"walk-{role[4:]}", "", frozenset({"run.read"}), False, 1, "usr_walk", NOW, NOW)
    )
    granting.insert_grant(conn, Given(grant, user_id, f"walk-{role[4:]}", project_id, None, "usr_walk", NOW))
    return {"role": role, "grant": grant}


def audit_row(conn: sa.Connection, project_id: str, environment_id: str, resource_id: str) -> str:
    place = {"project_id": project_id, "environment_id": environment_id, "resource_id": resource_id}
    audit.record(conn, actor="usr_walk", action="database.create", **place)
    table = metadata.tables["audit_events"]
    return str(conn.execute(sa.select(table.c.id).where(table.c.resource_id == resource_id)).scalar_one())


def session_row(conn: sa.Connection, user_id: str) -> str:
    made, now = new_id("ses"), datetime.now(UTC)
    access.insert_session(conn, id=made, user_id=user_id, token_hash=made, created_at=now, seen_at=now)
    return made


@contextmanager
def inside() -> Iterator[Inside]:
    base = Path(tempfile.mkdtemp(prefix="hf-walk-"))
    (base / "data").mkdir()
    url = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "master.key", database_url=url)
    services = composition.build_services(settings)
    without_limits(services)
    try:
        with TestClient(create_app(services, settings), base_url="http://127.0.0.1:7700") as client:
            here = Inside(settings, services, client)
            for side in ("mine", "theirs"):
                project = services.projects.create(ROOT, side)
                environment = services.projects.environments(ROOT, project.id)[0]
                here.ids[side] = here.settle({"project": project.id, "environment": environment.id}, 0)
            with services.db.write() as conn:
                access.insert_user(conn, User(new_id("usr"), "walker@example.org", "", "member", NOW, None))
            yield here
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base)


EVERYTHING = ALL

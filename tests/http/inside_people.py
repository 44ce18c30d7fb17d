"""Rows of people: accounts, sessions, roles, sign-in providers, and what the log says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from inside_rows import NOW

from holdfast.features.access import store as access
from holdfast.features.access.accounts import store as accounts
from holdfast.features.access.accounts.model import Invite
from holdfast.features.access.factors.model import passkeys
from holdfast.features.access.granting import store as granting
from holdfast.features.access.granting.model import Given, Role
from holdfast.features.access.model import User
from holdfast.features.access.sso import store as sso
from holdfast.features.access.sso.model import Identity, Provider
from holdfast.kernel import audit
from holdfast.kernel.db import metadata
from holdfast.kernel.ids import new_id


def settle_people(conn: sa.Connection, project_id: str) -> dict[str, str]:
    """Someone who signed in through a provider and holds a role in the project."""
    people = people_rows(conn)
    provider = provider_row(new_id("idp"))
    sso.insert_provider(conn, provider)
    identity = Identity(new_id("idn"), provider.id, people["user"], provider.issuer, "sub", "a@b.c", NOW, None)
    sso.insert_identity(conn, identity)
    roles = role_rows(conn, people["user"], project_id)
    return {**people, **roles, "provider": provider.id, "identity": identity.id}


def provider_row(provider_id: str) -> Provider:
    """Switched off: nobody is asked."""
    texts = {"name": provider_id, "issuer": f"https://{provider_id}.example", "client_id": "walk"}
    lists = {"scopes": ("openid",), "allowed_domains": (), "mapping": (), "group_claim": "groups"}
    flags = dict.fromkeys(("has_secret", "create_accounts", "enabled", "trust_factors", "allow_private"), False)
    made = {"version": 1, "created_by": "usr_walk", "created_at": NOW, "updated_at": NOW}
    return Provider(id=provider_id, **texts, **lists, **flags, **made)


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

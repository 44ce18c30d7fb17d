"""Custom roles: what they may hold, that they count at once, and that nothing is left of a deleted one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from grants_world import ROOT, World, world

from holdfast.features.access.accounts import store as accounts
from holdfast.features.access.accounts.model import Invite, RoleGrant
from holdfast.features.access.grants import Place
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.permissions import ALL, DESCRIPTIONS, PERMISSIONS, ROLES
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound, PreconditionFailed
from holdfast.kernel.ids import new_id

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    made = world(tmp_path)
    yield made
    made.db.close()


def test_the_shipped_matrix() -> None:
    """Viewer sees and downloads; operator also triggers; admin all of backups and settings; owner everything. Deleting
    and restoring are permissions of their own, which an operator lacks."""
    viewer, operator, developer, admin = (ROLES[name] for name in ("viewer", "operator", "developer", "admin"))
    assert ROLES["owner"] == ALL
    assert viewer < operator < admin < ALL
    assert viewer < developer < admin
    assert {each.rpartition(".")[2] for each in viewer} == {"read", "download"}
    assert "snapshot.download" in viewer
    assert {"snapshot.create", "snapshot.verify", "run.cancel", "repository.check"} <= operator
    destroying = {each for each in ALL if each.endswith((".delete", ".purge", ".restore", ".erase"))}
    assert destroying & (operator | developer) == set()
    assert {each for each in ALL if each.startswith("snapshot.")} <= admin
    revealing = {each for each in ALL if each.endswith(".reveal")}
    assert revealing & operator == set()
    assert {each for each in operator | viewer if each.startswith(("user.", "role.", "key.", "secret."))} == set()
    assert ROLES["member"] == frozenset()
    assert DESCRIPTIONS.keys() == ROLES.keys()


def test_every_permission_is_named_as_the_others_are() -> None:
    for name, meaning in PERMISSIONS.items():
        assert re.fullmatch(r"[a-z]+(\.[a-z]+){1,2}", name), name
        assert re.fullmatch(r".{10,}\.", meaning), name


def test_a_custom_role_counts_at_once_where_it_is_held(w) -> None:
    role_id = w.role("restorer", {"snapshot.read", "snapshot.restore"})
    user_id = w.user("ann@example.org")
    w.give(user_id, "restorer", "p1")
    assert w.person(user_id).may("snapshot.restore", Place("p", "p1"))
    changed = w.roles.update(ROOT, role_id, 1, {"permissions": ["snapshot.read"], "description": "reads"})
    assert (changed.version, changed.description) == (2, "reads")
    assert not w.person(user_id).may("snapshot.restore", Place("p", "p1"))
    assert w.audit("role.update")[0]["details"] == {
        "name": "restorer",
        "fields": ["description", "permissions"],
        "added": [],
        "removed": ["snapshot.restore"],
    }
    with pytest.raises(PreconditionFailed):
        w.roles.update(ROOT, role_id, 1, {"description": "late"})


def test_nobody_makes_a_role_with_more_than_they_hold_everywhere(w) -> None:
    w.role("maker", {"role.manage", "role.read", "run.read"})
    maker = w.someone("ann@example.org", everywhere="maker", p="admin")
    with pytest.raises(Denied) as refused:
        w.role("more", {"run.read", "snapshot.delete"}, by=maker)
    assert refused.value.details == {"permission": "snapshot.delete"}
    own = w.role("own", {"run.read"}, by=maker)
    with pytest.raises(Denied):
        w.roles.update(maker, own, 1, {"permissions": ["run.read", "snapshot.delete"]})
    big = w.role("big", {"snapshot.delete", "run.read"})
    assert w.roles.update(maker, big, 1, {"permissions": ["snapshot.delete"]}).permissions == {"snapshot.delete"}
    limited = w.someone("ben@example.org", p="admin")
    with pytest.raises(Denied) as there:
        w.role("mine", {"run.read"}, by=limited)
    assert there.value.details == {"permission": "role.manage"}


def test_built_in_roles_stay_as_they_are(w) -> None:
    for name in ROLES:
        assert w.roles.get(ROOT, name).built_in
        with pytest.raises(Conflict) as refused:
            w.roles.update(ROOT, name, 1, {"permissions": ["run.read"]})
        assert refused.value.code == "role_built_in"
        with pytest.raises(Conflict):
            w.roles.delete(ROOT, name, force=True)
        with pytest.raises(Conflict) as taken:
            w.role(name, {"run.read"})
        assert taken.value.code == "name_taken"
    for wrong in ("Admin", "a", "-ab", "ab-", "a b", "a" * 41, "ä-b"):
        with pytest.raises(Invalid):
            w.role(wrong, {"run.read"})
    with pytest.raises(Invalid) as unknown:
        w.role("fine", {"run.raed"})
    assert unknown.value.code == "permission_unknown"


def test_the_list_goes_on_from_the_built_in_ones(w) -> None:
    custom = [w.role(f"role-{number}", {"run.read"}) for number in range(5)]
    assert [role.id for role in w.roles.list(ROOT, limit=100)] == [*ROLES, *custom]
    walked: list[str] = []
    while page := w.roles.list(ROOT, after=walked[-1] if walked else None, limit=4):
        walked += [role.id for role in page]
    assert walked == [*ROLES, *custom]


def test_a_role_that_is_held_is_deleted_only_by_force(w) -> None:
    """And then nothing names it: a role made later by that name comes to nobody."""
    role_id = w.role("helper", {"run.read", "key.create"})
    user_id, other = w.user("ann@example.org", "helper"), w.user("ben@example.org")
    w.give(other, "helper", "p")
    _, text = w.keys.create(ROOT, WantedKey("k", role="helper"))
    now = w.clock.now()
    grants = (RoleGrant("helper", "p"),)
    asked = Invite(new_id("inv"), "c@example.org", "member", grants, "x", now, now + timedelta(1), None, None, None)
    with w.db.write() as conn:
        accounts.insert_invite(conn, asked, "hash")
    with pytest.raises(Conflict) as refused:
        w.roles.delete(ROOT, role_id)
    assert refused.value.code == "role_held"
    assert refused.value.details == {"held": {"grants": 1, "users": 1, "keys": 1, "invites": 1}}
    w.roles.delete(ROOT, role_id, force=True)
    with pytest.raises(NotFound):
        w.roles.get(ROOT, role_id)
    w.role("helper", {"snapshot.delete"})
    for who in (user_id, other):
        assert w.person(who).permissions == frozenset()
    assert w.keys.actor_of(text).permissions == frozenset()
    with w.db.read() as conn:
        found = accounts.invite(conn, asked.id)
        assert found is not None
        assert found.revoked_at is not None


def test_force_takes_nothing_from_those_above(w) -> None:
    role_id = w.role("strong", {"snapshot.delete", "role.manage"})
    w.give(w.user("ann@example.org"), "strong", "p")
    w.role("maker", {"role.manage"})
    maker = w.someone("ben@example.org", everywhere="maker")
    with pytest.raises(Denied) as refused:
        w.roles.delete(maker, role_id, force=True)
    assert refused.value.details == {"permission": "snapshot.delete"}


def test_the_reference_page_is_what_the_registry_says() -> None:
    """`make docs` writes it."""
    import importlib.util

    tool = DOCS.parent / "tools" / "gen_permission_reference.py"
    spec = importlib.util.spec_from_file_location("gen_permission_reference", tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "reference" / "permissions.md").read_text()
    assert page == module.page()
    for name in (*PERMISSIONS, *ROLES):
        assert f"`{name}`" in page

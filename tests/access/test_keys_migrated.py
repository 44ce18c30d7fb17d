"""A key from before places, owners and rotation works as it did, where it did, and no wider."""

from __future__ import annotations

import shutil
from pathlib import Path

import metadata_home
import pytest
import sqlalchemy as sa
from grants_world import ROOT, WHERE

from holdfast.features.access.grants import Place
from holdfast.features.access.keys import KeyService
from holdfast.kernel import crypto
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database, Json, Timestamp
from holdfast.kernel.db.migrate import SCRIPTS
from holdfast.kernel.errors import Unauthenticated

BEFORE = sa.table(
    "api_keys",
    *(sa.column(name) for name in ("id", "name", "prefix", "secret_hash", "role", "created_by")),
    *(sa.column(name, Json()) for name in ("permissions", "projects")),
    sa.column("created_at", Timestamp()),
)


@pytest.mark.parametrize(
    ("projects", "places"), [(None, None), (["q", "p"], (Place("p"), Place("q"))), ([], ())], ids=str
)
def test_a_key_of_the_first_release(tmp_path: Path, projects: list[str] | None, places: object) -> None:
    first = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, first, ignore=shutil.ignore_patterns("000[2-9]_*", "__pycache__"))
    db, clock = Database(metadata_home.bare(tmp_path / "meta.db")), ManualClock()
    db.migrate(first)
    secret = crypto.random_token()
    row = {"id": "key_old", "name": "old", "prefix": "0123456789ab", "secret_hash": crypto.token_hash(secret)}
    with db.write() as conn:
        row |= {"role": None, "created_by": "local:0", "created_at": clock.now()}
        conn.execute(BEFORE.insert().values(**row, permissions=["run.read"], projects=projects))
    db.migrate()
    keys = KeyService(db, clock, WHERE)
    text = f"hf_0123456789ab_{secret}"
    actor = keys.actor_of(text)
    assert (actor.id, actor.bounds) == ("key_old", None)
    assert keys.get(ROOT, "key_old").places == places
    assert actor.holds("run.read", None) is (projects is None)
    assert actor.may("run.read", Place("q")) is (projects != [])
    new = keys.rotate(ROOT, "key_old")[1]
    assert keys.actor_of(text) == keys.actor_of(new) == actor
    db.close()


def test_a_key_that_a_person_made_is_bound_to_that_person(tmp_path: Path) -> None:
    """One whose maker is gone is dead; before, it would have outlived every right of theirs."""
    first = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, first, ignore=shutil.ignore_patterns("000[2-9]_*", "__pycache__"))
    db, clock = Database(metadata_home.bare(tmp_path / "meta.db")), ManualClock()
    db.migrate(first)
    secrets = {name: crypto.random_token() for name in ("usr_there", "usr_gone", "usrXthere")}
    with db.write() as conn:
        person = sa.table(
            "users", *(sa.column(name) for name in ("id", "email", "password_hash", "role", "created_at"))
        )
        values = {"id": "usr_there", "email": "a@example.org", "password_hash": "", "role": "viewer"}
        conn.execute(person.insert().values(**values, created_at=sa.literal(clock.now(), Timestamp())))
        for number, (maker, secret) in enumerate(secrets.items()):
            row = {"id": f"key_{number}", "name": maker, "prefix": f"{number:012d}", "role": None, "created_by": maker}
            row |= {"secret_hash": crypto.token_hash(secret), "created_at": clock.now()}
            conn.execute(BEFORE.insert().values(**row, permissions=["run.read", "database.delete"], projects=None))
    db.migrate()
    keys = KeyService(db, clock, WHERE)
    there = keys.actor_of(f"hf_{0:012d}_{secrets['usr_there']}")
    assert (there.holds("run.read", None), there.holds("database.delete", None)) == (True, False)
    with pytest.raises(Unauthenticated):
        keys.actor_of(f"hf_{1:012d}_{secrets['usr_gone']}")
    assert keys.actor_of(f"hf_{2:012d}_{secrets['usrXthere']}").holds("database.delete", None)
    db.close()

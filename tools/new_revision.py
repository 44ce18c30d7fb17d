"""Write the next Alembic revision from what the slices' tables have become: `python tools/new_revision.py NAME`.

A NAME whose file is the newest is written anew: a revision that was never released may still change.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext

import holdfast
from holdfast.kernel.db import Database, metadata
from holdfast.kernel.db.migrate import SCRIPTS, scripts_of

TEMPLATE = '''"""{title}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from holdfast.kernel.db.types import Json, Timestamp

revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:
    {up}
'''


def load_tables() -> None:
    """Import every module that hangs tables on the metadata."""
    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if module.name.rsplit(".", 1)[-1] in (
            "model",
            "case_model",
            "schema",
            "audit",
            "audit_chain",
            "secrets",
            "idempotency",
        ):
            importlib.import_module(module.name)


def render(conn: sa.Connection) -> str:
    """The body of `upgrade`; empty when nothing has changed."""
    context = MigrationContext.configure(conn, opts={"compare_type": True, "render_as_batch": False})
    script = produce_migrations(context, metadata)
    if script.upgrade_ops is None or script.upgrade_ops.is_empty():
        return ""
    code = render_python_code(script.upgrade_ops, migration_context=context)
    for module in ("holdfast.kernel.db.types.", "kernel.db.types."):
        code = code.replace(module, "")
    for literal, portable in (("0", "sa.false()"), ("1", "sa.true()")):  # PostgreSQL takes no number for a boolean
        code = code.replace(
            f"sa.Boolean(), server_default=sa.text('{literal}')", f"sa.Boolean(), server_default={portable}"
        )
    return re.sub(r"\b(Json|Timestamp)\([^)]*\)", r"\1()", code)


def main(name: str) -> int:
    load_tables()
    unreleased = sorted((SCRIPTS / "versions").glob("[0-9]*.py"))[-1]
    if unreleased.stem[5:] == name:
        unreleased.unlink()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite+apsw:///{folder}/meta.db")
        db.migrate()
        with db.read() as conn:
            code = render(conn)
        db.close()
    if not code:
        print("nothing has changed")
        return 1
    head = scripts_of(SCRIPTS).get_current_head()
    number = len(list((SCRIPTS / "versions").glob("[0-9]*.py"))) + 1
    path: Path = SCRIPTS / "versions" / f"{number:04d}_{name}.py"
    title = name.replace("_", " ").capitalize()
    path.write_text(TEMPLATE.format(title=title, revision=f"{number:04d}", down=head, up=code))
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--fix", "--select", "F401", "--quiet", str(path)], check=True)
    subprocess.run([*ruff, "format", "--quiet", str(path)], check=True)
    print(path.relative_to(Path.cwd()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

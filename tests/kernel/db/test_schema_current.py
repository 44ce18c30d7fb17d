"""What the migrations build is what the slices' tables say."""

import importlib.util
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from holdfast.kernel.db import Database, metadata

TOOL = Path(__file__).parents[3] / "tools" / "new_revision.py"


def test_no_table_waits_for_a_revision(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("new_revision", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.load_tables()
    db = Database(f"sqlite+apsw:///{tmp_path / 'meta.db'}")
    db.migrate()
    with db.read() as conn:
        differences = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)
    db.close()
    assert not differences, f"write it down: python tools/new_revision.py NAME\n{differences}"

"""`holdfast.tables` names every module with a table: one it forgets would be missing in a copy of the metadata."""

from __future__ import annotations

from pathlib import Path

import holdfast

ROOT = Path(holdfast.__file__).parent
ALWAYS = {"holdfast.kernel.audit"}  # what every one of them imports


def test_every_module_with_a_table_is_named() -> None:
    found = {
        ".".join(("holdfast", *path.relative_to(ROOT).with_suffix("").parts))
        for path in ROOT.rglob("*.py")
        if "= sa.Table(" in path.read_text()
    }
    named = {
        line.removeprefix("import ").strip()
        for line in (ROOT / "tables.py").read_text().splitlines()
        if line.startswith("import holdfast.")
    }
    assert len(found) > 15
    assert found - ALWAYS - named == set()

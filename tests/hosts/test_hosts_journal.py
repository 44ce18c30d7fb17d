"""What an unfinished initialisation leaves is cleared, and never what was put in its place."""

from __future__ import annotations

from pathlib import Path

from holdfast.hosts import carry


def test_what_was_put_in_the_place_of_something_half_made_is_not_cleared(tmp_path: Path) -> None:
    """An upgrade that is cut off while it initialises puts the old data back under the same name."""
    journal, base = tmp_path / "db.init", tmp_path / "db"
    journal.write_text(f"{base / 'cluster'}\n{base / 'cluster.other' / 'deep'}")
    carry.forget(journal, base / "cluster")
    assert journal.read_text().splitlines() == [str(base / "cluster.other" / "deep")]
    carry.forget(journal, base / "cluster.other")
    assert not journal.exists()
    carry.forget(journal, base / "cluster")

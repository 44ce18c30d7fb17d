"""The history of plans as a file: of why a turn failed the whole in JSON, its sentence in CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

from holdfast.features.plans.export import COLUMNS, written
from holdfast.features.plans.model import Turn

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
REASON = {"code": "disk_full", "message": '=1+"1"; -- the disk is full\n'}
FAILED = Turn(
    id="turn_1", plan_id="plan_1", project_id="prj_1", environment_id=None, schedule="nightly", trigger="schedule",
    actor="system", run_id="run_1", correlation_id=None, state="failed", requested_at=AT, due_at=AT, started_at=AT,
    expanded_at=None, ended_at=None, total=2, succeeded=0, failed=2, reason=REASON,
)  # fmt: skip


def test_json_has_the_whole_reason_and_csv_its_sentence() -> None:
    (row,) = json.loads(b"".join(written([FAILED], "json")))
    assert tuple(sorted(row)) == tuple(sorted(COLUMNS))
    assert (row["reason"], row["due_at"], row["ended_at"]) == (REASON, "2026-03-02T02:00:00.000000Z", None)
    text = b"".join(written([FAILED], "csv")).decode()
    (told,) = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(told) == COLUMNS
    assert (told["reason"], told["total"], told["ended_at"]) == ("'" + REASON["message"], "2", "")

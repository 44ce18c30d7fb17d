"""Rows inserted once however often it is asked; what is too large for a request is shown the way to imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import metadata_home
import pytest
from journey import Served
from row_tables import AWKWARD, TABLES, at

from holdfast.features.rows.once import OnceElsewhere
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.web.idempotency import Once, Replayed

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module", params=TABLES)
def there(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str]:
    made = served.create(request.param)["id"]
    served.write(made, *TABLES[request.param])
    return served, made


def keyed(**more: str) -> dict[str, str]:
    return {"Idempotency-Key": f"once {uuid4()}", **more}


def test_the_same_key_inserts_once(there: tuple[Served, str]) -> None:
    served, made = there
    where, headers = at(made, AWKWARD), keyed()
    body = {"rows": [{AWKWARD: 1, "select": "secret-looking"}]}
    first = served.call("POST", where, body, 201, headers=headers)
    assert (first["affected"], len(first["rows"])) == (1, 1)
    again = served.raw("POST", where, body, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == {"affected": 1, "rows": []}, "rows are not kept outside their database"
    served.refused(409, "idempotency_key_reused", "POST", where, {"rows": [{AWKWARD: 2}]}, headers=headers)
    assert len(served.get(where)["rows"]) == 1


def test_what_was_refused_may_be_asked_again(there: tuple[Served, str]) -> None:
    served, made = there
    where, headers = at(made, "loose"), keyed(**NDJSON)
    lines = b'{"k":"a"}\n{"k":"a"}\n'
    assert served.http.post(where, content=lines, headers=headers).status_code == 409
    assert served.http.post(where, content=lines, headers=headers).status_code == 409, "the key was let go"
    served.write(made, "drop table loose", "create table loose (k text, v int)")
    assert served.http.post(where, content=lines, headers=headers).json()["affected"] == 2
    assert served.http.post(where, content=lines, headers=headers).headers["idempotent-replayed"] == "true"
    assert served.rows(made, "select count(*) from loose") == [[2]]


def test_a_larger_body_is_sent_to_imports(there: tuple[Served, str]) -> None:
    served, made = there
    lines = b'{"y":"' + b"x" * 1000 + b'"}\n'
    for content in (lines * 11_000, iter([lines * 5500] * 2)):  # declared, and found out as it comes
        answer = served.http.post(at(made, "bare"), content=content, headers=NDJSON)  # type: ignore[arg-type]
        error: dict[str, Any] = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (413, "body_too_large")
        assert "uploads" in error["hint"]
    assert served.rows(made, "select count(*) from bare") == [[0]]


@pytest.fixture
def here_db(tmp_path: Path) -> Iterator[Database]:
    made = Database(metadata_home.url(tmp_path / "holdfast.db"))
    made.create_all()
    yield made
    made.close()


def test_nobody_knows_how_a_claim_without_an_answer_ended(here_db: Database) -> None:
    """Cut off between the rows and the answer: said, and never done twice."""
    once = Once("usr_x", "POST /x", "k", "hash")
    cut_off = OnceElsewhere(here_db, once)
    cut_off.check()
    cut_off.claim()
    for again in (cut_off.check, cut_off.claim):
        with pytest.raises(Conflict) as caught:
            again()
        assert caught.value.code == "request_unfinished"
        assert caught.value.hint
    cut_off.answer({"affected": 3, "rows": []})
    with pytest.raises(Replayed) as replayed:
        cut_off.check()
    assert replayed.value.response == {"affected": 3, "rows": []}
    cut_off.let_go()
    with pytest.raises(Replayed):
        cut_off.check()

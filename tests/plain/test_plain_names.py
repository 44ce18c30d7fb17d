"""Names of plain files: whatever anything is called, one path below the root and its own, also where case is lost."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.errors import Invalid
from holdfast.kernel.ids import new_id
from holdfast.vault.plain.naming import DEFAULT, check_template, escaped, filled
from holdfast.vault.plain.repository import IDS

AT = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=63)
COMPONENT = re.compile(r"[a-z0-9_][a-z0-9._-]{0,179}")


@given(NAMES, NAMES, NAMES)
def test_a_name_is_one_safe_path(project: str, environment: str, database: str) -> None:
    own = new_id("snap")
    values = {"project": project, "environment": environment, "database": database, "engine": "sqlite", "id": own}
    path = filled(DEFAULT, values, AT)
    parts = path.split("/")
    assert len(parts) == 4
    assert all(COMPONENT.fullmatch(part) for part in parts)
    assert IDS.findall(parts[-1]) == [own]


@given(NAMES, NAMES)
def test_two_names_stay_two(one: str, other: str) -> None:

    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert (escaped(one).lower() == escaped(other).lower()) == same


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Shop", "_53hop"),
        ("shop", "shop"),
        ("..", "_2e."),
        ("", "_00"),
        ("a/b", "a_2fb"),
        ("nul", "_6eul"),
        ("a_b", "a__b"),
    ],
)
def test_some_names(name: str, told: str) -> None:
    assert escaped(name) == told


@pytest.mark.parametrize(
    "template",
    [
        "{database}", "{id}/{database}", "../{id}", "/{id}", "a//{id}", "{id}/", ".x/{id}", "{nothing}-{id}", "{id",
        "A-{id}", "{taken:%c}-{id}", "{taken:%Y/%m}-{id}", "{id:%Y}", "a b-{id}", "x" * 301 + "{id}", "-{id}",
    ],
)  # fmt: skip
def test_templates_that_are_refused(template: str) -> None:
    with pytest.raises(Invalid):
        check_template(template)


def test_a_template_says_the_moment_in_utc() -> None:
    values = {"project": "p", "environment": "e", "database": "d", "engine": "x", "id": "snap_1"}
    assert filled("{taken:%Y}/{taken:%m%d}/{database}-{id}", values, AT) == "2026/1121/d-snap_1"
    with pytest.raises(Invalid):
        filled(
            "{project}{environment}{database}-{id}",
            values | dict.fromkeys(("project", "environment", "database"), "Ü" * 40),
            AT,
        )

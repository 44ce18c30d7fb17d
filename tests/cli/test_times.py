"""Lengths of time as people type and read them."""

from __future__ import annotations

import pytest

from holdfast.terminal.failure import Usage
from holdfast.terminal.times import seconds_of, spoken


@pytest.mark.parametrize(
    ("typed", "seconds"), [("90", 90), ("90s", 90), (" 10m ", 600), ("2h", 7200), ("30d", 2_592_000), ("4w", 2_419_200)]
)
def test_what_people_type(typed: str, seconds: int) -> None:
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize("typed", ["", "m", "-1", "1.5h", "10 m", "1y", "1h30m", "٣", "9999999999"])
def test_what_is_no_length_is_refused_with_a_hint(typed: str) -> None:
    with pytest.raises(Usage, match="no length of time"):
        seconds_of(typed)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.04, "40 ms"), (86_399, "23:59:59"), (86_400, "1 d"), (176_400, "2 d 1:00:00"), (86_459, "1 d")],
)
def test_what_people_read(seconds: float | None, text: str) -> None:
    assert spoken(seconds) == text

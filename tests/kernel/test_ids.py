"""Identifiers sort as they were made, and names survive the way into file names and back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.ids import escape_name, is_id, new_id, unescape_name


def test_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    made = [new_id("prj") for _ in range(5000)]
    assert made == sorted(made)
    assert all(is_id(one, "prj") for one in made)
    assert not is_id(made[0], "env")


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: new_id("run"), range(4000)))
    assert len(set(made)) == len(made)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_names_become_one_path_component_and_come_back(name) -> None:
    component = escape_name(name)
    assert component not in ("", ".", "..")
    assert "/" not in component
    assert "\0" not in component
    assert unescape_name(component) == name

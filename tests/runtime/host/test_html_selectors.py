"""Selectors of HTMLRewriter: which elements they select while a page streams, and which are refused by name."""

from __future__ import annotations

import asyncio

import pytest
from rewriter_cases import REFUSED, SELECTORS, TREE

from holdfast.runtime.python.rewriting import HTMLRewriter
from holdfast.runtime.python.rewriting.selectors import SelectorError
from holdfast.runtime.python.workers import Response


def selected(selector: str, page: str) -> str:
    found: list[str] = []
    made = HTMLRewriter.new().on(selector, {"element": lambda element: found.append(element.getAttribute("n"))})
    assert asyncio.run(made.transform(Response(page)).text()) == page
    return "".join(found)


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_selector_selects_what_it_does_in_lol_html(selector: str) -> None:
    assert selected(selector, TREE) == SELECTORS[selector]


@pytest.mark.parametrize("selector", REFUSED)
def test_what_is_not_supported_is_named(selector: str) -> None:
    with pytest.raises(SelectorError) as told:
        HTMLRewriter.new().on(selector, {})
    assert REFUSED[selector] in str(told.value)


def test_values_compare_without_case_where_html_says_so() -> None:
    assert selected("[type=text]", "<a n=1 TYPE=TEXT><svg><a n=2 TYPE=TEXT>") == "1"
    assert selected("[data-t=x]", "<a n=1 data-t=X><a n=2 data-t=x>") == "2"


def test_not_denies_all_of_a_compound_together() -> None:
    assert selected("a:not(.a.b)", '<a n=1 class="a b"><a n=2 class=a><a n=3>') == "23"


def test_places_are_counted_in_the_open_parent() -> None:
    page = "<p n=1></p><div n=2><p n=3></p><br n=4><p n=5></p></div><p n=6></p>"
    assert selected("p:nth-child(3)", page) == "56"
    assert selected("p:nth-of-type(2)", page) == "56"
    assert selected("div > :nth-child(2)", page) == "4"


def test_a_child_is_a_child_through_what_has_no_end_tag() -> None:
    assert selected("div > p", "<div><br><p n=1><i><p n=2></i></p><p n=3></div><p n=4>") == "13"
    assert selected("a a b", "<a><b n=1></b><a><b n=2></b></a><b n=3></b></a><a><b n=4>") == "2"

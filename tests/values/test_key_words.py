"""Keys and elements as a person sees and types them."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.values.reading import element, key_of, word


@given(st.binary(max_size=40))
def test_what_is_shown_can_be_typed(raw: bytes) -> None:
    """Every key, whatever its bytes, is one line that names it again."""
    try:
        given: object = raw.decode()
    except UnicodeDecodeError:
        given = {"$bytes": base64.b64encode(raw).decode()}
    shown = word(given)
    assert key_of(shown) == given
    assert shown.isprintable()


def test_elements_are_one_line_each() -> None:
    assert word({"$bytes": base64.b64encode(b"bin\xff\n").decode()}) == "bin\\xff\\x0a"
    assert element(["note", "two\nlines\t"]) == "note\ttwo\\x0alines\\x09"
    assert element(["a", 3.0]) == "a\t3"
    assert element(["a", 1.5]) == "a\t1.5"
    assert element(["1-1", [["k", "v"], ["k2", "v 2"]]]) == "1-1\tk=v k2=v 2"

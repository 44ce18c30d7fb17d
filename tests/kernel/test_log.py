"""No line holds a secret, whoever wrote it and however deep it lay."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel import log

SECRET = "canary-81c6f0-the-secret"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
nested = st.recursive(
    st.one_of(words, st.integers(), st.none(), st.just(SECRET), words.map(lambda w: w + SECRET), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(words, st.just(SECRET)), inner, max_size=4),
    ),
)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """The log of this process, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = io.StringIO()
    log.configure("debug", stream=made, json=True)
    yield made
    root.handlers[:] = handlers
    root.setLevel(level)


@given(nested)
def test_a_registered_value_is_hidden_at_any_depth(value) -> None:
    log.register_secret(SECRET)
    assert SECRET not in repr(log.redact(value))


@given(st.dictionaries(words, st.integers()), st.lists(st.booleans()))
def test_what_is_no_secret_stays_as_it_is(mapping, flags) -> None:
    kept = {name: value for name, value in mapping.items() if not log._names_secret(name)}
    assert log.redact({"rows": kept, "flags": flags}) == {"rows": kept, "flags": flags}


@pytest.mark.parametrize(
    "name", ["password", "Password", "db_password", "token", "api_key", "Authorization", "Set-Cookie", "secrets"]
)
def test_fields_with_a_secrets_name_are_hidden(name) -> None:
    assert log.redact({"deep": [{name: "short"}]}) == {"deep": [{name: "[hidden]"}]}


def test_short_values_would_make_lines_unreadable() -> None:
    log.register_secret("shop")
    assert log.redact("the shop is open") == "the shop is open"


def test_every_logger_passes_the_same_sieve(out) -> None:
    log.register_secret(SECRET)
    log.get("ours").info("connected", url=f"postgresql://owner:{SECRET}@host/db", rows=3)
    logging.getLogger("uvicorn.error").warning("bad request %s", SECRET)
    logging.getLogger("some.library").error("failed: %r", {"dsn": SECRET})
    logging.getLogger("uvicorn.access").info(SECRET)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 4
    assert SECRET not in out.getvalue()
    assert lines[0]["rows"] == 3
    assert lines[0]["url"] == "postgresql://owner:[hidden]@host/db"


def test_exceptions_with_their_causes_and_notes(out) -> None:
    """A driver's message quotes the connection string: in the message, the cause and a note."""
    log.register_secret(SECRET)
    try:
        try:
            raise OSError(f"password={SECRET}")
        except OSError as error:
            error.add_note(f"while using {SECRET}")
            raise RuntimeError(f"no connection to {SECRET}") from error
    except RuntimeError:
        log.get("ours").exception("it failed")
        logging.getLogger("library").exception("it failed too")
    text = out.getvalue()
    assert text.count("Traceback") == 4
    assert "RuntimeError" in text
    assert SECRET not in text


def test_ids_are_on_every_line_within_and_on_none_after(out) -> None:
    with log.bound(request_id="req_1", run_id=None):
        assert log.current("request_id") == "req_1"
        assert log.current("run_id") is None
        logging.getLogger("library").info("inside")
    log.get("ours").info("outside")
    inside, outside = [json.loads(line) for line in out.getvalue().splitlines()]
    assert inside["request_id"] == "req_1"
    assert "request_id" not in outside


def test_the_newest_values_are_kept_when_there_are_too_many() -> None:
    for number in range(5000):
        log.register_secret(f"value-number-{number:06d}")
    assert "[hidden]" in log.redact("value-number-004999")
    assert len(log._values) == 4096

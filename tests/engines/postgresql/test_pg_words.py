"""Names, placeholders, framing, plan: the parts that need no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pg_server import SECRETS, Cluster, user_session
from psycopg.conninfo import conninfo_to_dict

from holdfast.contract.spec import Site
from holdfast.engines.postgresql import engine
from holdfast.engines.postgresql.copier import END, Copier, CopyStream
from holdfast.engines.postgresql.names import beside_name, check_database_name, conninfo_value, identifier, literal
from holdfast.engines.postgresql.placeholders import bind
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.kernel.errors import Invalid

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1"),
        ("SELECT ':a' , \":b\", E'\\':a', :a, :b", "SELECT ':a' , \":b\", E'\\':a', $1, $2"),
        ("SELECT :a::text, x::a -- :a\n, :b", "SELECT $1::text, x::a -- :a\n, $2"),
        ("/* :a /* :b */ :a */ SELECT :a, :b", "/* :a /* :b */ :a */ SELECT $1, $2"),
        ("SELECT $$ :a $$, $t$ $$ :b $t$, :a, :b", "SELECT $$ :a $$, $t$ $$ :b $t$, $1, $2"),
        ("SELECT f(x := :a), arr[1:2], arr[lo:hi], :b", "SELECT f(x := $1), arr[1:2], arr[lo:hi], $2"),
        ("SELECT :a,:b WHERE x=:a", "SELECT $1,$2 WHERE x=$1"),
    ],
)
def test_named_parameters(statement: str, expected: str) -> None:
    """Only a colon where an expression could start is a parameter."""
    assert bind(statement, {"a": 1, "b": 2}) == (expected, [1, 2])


def test_parameters_missing_or_unused() -> None:
    """Both are named; positional counts are compared too."""
    with pytest.raises(Invalid) as error:
        bind("SELECT :a", {"b": 1})
    assert error.value.details == {"missing": ["a"], "unused": ["b"]}
    for statement, values in (("SELECT $1, '$2'", ()), ("SELECT 1", (1,)), ("SELECT $1 -- $2", (1, 2))):
        with pytest.raises(Invalid):
            bind(statement, values)


@given(text)
@example("a" * 62 + "üü")
def test_literals_and_strings_survive_binding(value: str) -> None:
    """Whatever is inside a literal, an identifier or a comment is left alone."""
    quoted = f"SELECT {literal(value)}, :p"
    assert bind(quoted, {"p": 1}) == (f"SELECT {literal(value)}, $1", [1])
    name = identifier(value.encode()[:63].decode(errors="ignore"))
    assert bind(f"SELECT {name}, :p", {"p": 1})[0] == f"SELECT {name}, $1"


@given(text.filter(bool))
def test_conninfo_values(value: str) -> None:
    """libpq reads back what was written."""
    assert conninfo_to_dict(f"dbname={conninfo_value(value)}") == {"dbname": value}


@pytest.mark.slow
def test_literals_at_the_server(pg18: Cluster) -> None:
    """The server reads literals and identifiers as meant, also with standard_conforming_strings off."""
    values = ["it's", "back\\slash'", "\\", "ü😀\n\t", "$$x$$", "%s :a $1", '"q"']
    for setting in ("on", "off"):
        with user_session(pg18.endpoint.__class__(**{**vars(pg18.endpoint), "database": "postgres"}), "admin") as admin:
            admin.execute(f"SET standard_conforming_strings = {setting}")  # type: ignore[call-overload]
            for value in values:
                cursor = admin.execute(f"SELECT {literal(value)} AS {identifier(value)}")  # type: ignore[call-overload]
                assert cursor.fetchone() == (value,)
                assert cursor.description[0].name == value


@given(st.text(min_size=1, max_size=30), st.from_regex(r"[a-z0-9_]{1,24}", fullmatch=True))
def test_names_beside(name: str, label: str) -> None:
    """At most 63 bytes, never the name itself, different for different names."""
    try:
        check_database_name(name)
    except Invalid:
        return
    beside = beside_name(name, label)
    check_database_name(beside)
    assert beside != name
    assert beside != beside_name(name + "x", label)


class Chunks:
    """A pipe that gives its bytes in chosen pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.given = 0

    def start(self, statement: str) -> None:
        assert statement

    def read(self, buffer: memoryview) -> int:
        piece = self.pieces.pop(0)
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        if count < len(piece):
            self.pieces.insert(0, piece[count:])
        return count

    def kill(self) -> None:
        self.pieces = []


row = st.sampled_from([b"\n", b"a\n", b"\\\\.\n", b"x\\\\.\n", b"\\N\n", b"\\\\\\\\.\t\\n\n", b".\n", b"\\\\\n"])


@given(st.lists(row, max_size=12), st.lists(st.integers(1, 5), max_size=40), st.integers(4, 9))
def test_framing(rows_: list[bytes], cuts: list[int], size: int) -> None:
    """However the pipe cuts it, the rows come whole, the end mark never does, and the count is right."""
    data = b"".join(rows_)
    rest, pieces = data + END, []
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    pieces = [piece for piece in [*pieces, rest] if piece]
    ended: list[int] = []
    stream = CopyStream(cast(Copier, Chunks(pieces)), "COPY", lambda _copier, count, _size: ended.append(count))
    out = bytearray()
    buffer = memoryview(bytearray(size))
    while count := stream.readinto(buffer):
        out += buffer[:count]
    assert bytes(out) == data
    assert ended == [len(rows_)]


def site(**changes: Any) -> Site:
    values: dict[str, Any] = {
        "resource_id": "db_1", "name": "app", "data": Path("/d a'ta"), "sockets": Path("/run/s,o"), "port": 6001,
        "secrets": SECRETS,
    }  # fmt: skip
    return Site(**{**values, **changes})


def test_plan_is_pure_and_keeps_secrets() -> None:
    """Same arguments, same plan; passwords are only in secret files, never in argv or environment."""
    plan = engine.plan(PostgresqlSpec(), site())
    assert plan == engine.plan(PostgresqlSpec(), site())
    assert plan.server is not None
    commands = [*plan.init, plan.server.command, plan.server.ready]
    for secret in SECRETS.values():
        assert not any(secret in part for c in commands for part in (*c.argv, *c.env.values()))
        assert not any(secret in file.content for file in plan.files if not file.secret)
        assert secret not in repr(plan.endpoint)
    conf = next(file.content for file in plan.files if file.path.name == "postgresql.conf")
    assert "listen_addresses = '127.0.0.1'" in conf
    scratch = engine.plan(PostgresqlSpec(), site(port=None))
    assert "listen_addresses = ''" in next(f.content for f in scratch.files if f.path.name == "postgresql.conf")


def test_spec_refuses_nonsense() -> None:
    """Unknown fields and out-of-range values are refused, and so are names the server could not keep."""
    for values in ({"versoin": "18"}, {"version": "9"}, {"max_connections": 1}, {"extensions": ("plpython3u",)}):
        with pytest.raises(ValueError, match="validation error"):
            PostgresqlSpec.model_validate(values)
    for name in ("", "x" * 64, "ü" * 32, "postgres", "a\nb", "a\0b"):
        with pytest.raises(Invalid):
            engine.plan(PostgresqlSpec(), site(name=name))


@pytest.mark.slow
def test_url_and_tcp(pg18: Cluster) -> None:
    """The URL works as it is, passwords and names with every awkward sign included; the superuser has none over TCP."""
    with pg18.fresh("a b/c?d'\"ü") as place:
        for access, user in (("owner", "db_owner"), ("rw", "db_rw"), ("ro", "db_ro")):
            with psycopg.connect(engine.url(place.endpoint, access)) as connection:  # type: ignore[arg-type]
                assert connection.execute("SELECT current_user, current_database()").fetchone() == (
                    user,
                    place.endpoint.database,
                )
        with pytest.raises(psycopg.OperationalError, match="rejects"):
            psycopg.connect(engine.url(place.endpoint, "admin"))

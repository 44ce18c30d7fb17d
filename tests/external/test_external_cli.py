"""`holdfast db register`, `reconnect` and `report` as a user types them, on real servers and files of somebody else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import metadata_home
import pytest
from certificates import Authority
from foreign_files import make_file
from foreign_pg import LOGIN, PASSWORDS, READER, ForeignSubject, superuser
from pg_server import Cluster
from pg_tls_front import tls_front
from ssh_server import PASSWORD, USER, ssh_house

from holdfast.commands.demo.temporary import environment, temporary_holdfast

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_kit import Holdfast, Ran, run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A listed root, and beside it what is not below it."""
    directory = tmp_path_factory.mktemp("listed")
    directory.chmod(0o755)
    for name, text in (("login", PASSWORDS["login"]), ("reader", PASSWORDS["reader"]), ("ssh", PASSWORD)):
        (directory / name).write_text(text + "\n")
    return directory


@pytest.fixture(scope="module")
def holdfast(files: Path) -> Iterator[Holdfast]:
    more = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8", "HOLDFAST_SQLITE_ROOTS": str(files / "root")}
    (files / "root").mkdir()
    with temporary_holdfast(metadata_home.elsewhere(), more) as client:
        root = Path(client.where).parent.parent
        environ = environment(root) | {"XDG_CONFIG_HOME": str(root / "config")}

        def call(*line: str, stdin: str = "") -> Ran:
            return run(environ, *line, stdin=stdin)

        yield call


def server(files: Path, port: int, database: str) -> tuple[str, ...]:
    return (
        "--engine", "postgresql", "--host", "127.0.0.1", "--port", str(port), "--database", database, "--user", LOGIN,
        "--password-file", str(files / "login"),
    )  # fmt: skip


@pytest.mark.slow
def test_a_server_from_registration_to_deletion(holdfast: Holdfast, files: Path, foreign18: Cluster) -> None:
    port = foreign18.endpoint.port or 0
    with ForeignSubject(foreign18).fresh("cli") as place:
        name = place.endpoint.database or ""
        where = server(files, port, name)
        tried = holdfast("db", "register", "legacy", *where, "--tls", "disable", "--test")
        assert tried.code == 0, tried.err
        assert "snapshot" in tried.out
        assert "GRANT" in tried.out, "what to run there for more is said"
        assert holdfast("db", "list", "--json").json == [], "a test keeps nothing"
        reader = ("--reader", READER, "--reader-password-file", str(files / "reader"))
        made = holdfast("db", "register", "legacy", *where, *reader, "--tls", "disable")
        assert made.code == 0, made.err
        assert "holdfast db report legacy" in made.out
        assert holdfast("db", "query", "legacy", "--write", "create table t as select 7 as n").code == 0
        assert holdfast("db", "query", "legacy", "select n from t", "--json").json["rows"] == [[7]]
        last = holdfast("db", "report", "legacy", "--last", "--json").json["report"]
        with superuser(foreign18, name) as admin:
            admin.execute("CREATE SCHEMA newly_made")
        look = holdfast("db", "report", "legacy")
        assert look.code == 0, look.err
        assert "PostgreSQL".lower() in look.out.lower()
        assert {power["name"] for power in last["powers"]} >= {"snapshot"}
        shown = holdfast("db", "show", "legacy", "--json").json
        assert shown["host"] == "external"
        for secret in PASSWORDS.values():
            assert secret not in made.out + look.out + tried.out + str(shown)
        refused = holdfast("db", "stop", "legacy", "--json")
        assert (refused.code, refused.error["code"]) == (5, "not_ours")
        gone = holdfast("db", "delete", "legacy", "--confirm", "legacy")
        assert gone.code == 0, gone.err
        with superuser(foreign18, name) as admin:
            assert admin.execute("SELECT n FROM t").fetchall() == [(7,)], "the data stays where it is"


@pytest.mark.slow
def test_encryption_and_tunnel(holdfast: Holdfast, files: Path, foreign18: Cluster) -> None:
    """Reconnected from a plain line to TLS with an own CA, then through SSH with a host key a person confirmed."""
    port = foreign18.endpoint.port or 0
    authority = Authority()
    (files / "ca.pem").write_text(authority.pem)
    (files / "other.pem").write_text(Authority("other").pem)
    with (
        ForeignSubject(foreign18).fresh("cli") as place,
        tls_front(port, authority.sign("db", host="127.0.0.1")) as front,
        ssh_house(("127.0.0.1", port)) as house,
    ):
        database = place.endpoint.database or ""
        plain, encrypted = server(files, port, database), server(files, front.port, database)
        made = holdfast("db", "register", "moving", *plain, "--tls", "disable", "--json")
        assert made.code == 0, made.err
        wrong = holdfast("db", "register", "x", *encrypted, "--tls-ca", str(files / "other.pem"), "--test", "--json")
        assert (wrong.code, wrong.json["ok"], wrong.json["error"]["code"]) == (1, False, "tls_untrusted")
        anew = holdfast("db", "reconnect", "moving", *encrypted[2:], "--tls-ca", str(files / "ca.pem"))
        assert anew.code == 0, anew.err
        before = front.served
        assert holdfast("db", "query", "moving", "--write", "select 1", "--json").json["rows"] == [[1]]
        assert front.served > before
        (files / "id").write_text(house.key)
        ssh = ("--tls", "disable", "--ssh", f"{USER}@127.0.0.1:{house.port}", "--ssh-key", str(files / "id"))
        asked = holdfast("db", "reconnect", "moving", *plain[2:], *ssh, "--json")
        assert (asked.code, asked.error["code"]) == (5, "ssh_host_key_unconfirmed")
        assert asked.error["details"]["host_key"] in asked.error["hint"]
        key = ("--ssh-host-key", asked.error["details"]["host_key"])
        through = holdfast("db", "reconnect", "moving", *plain[2:], *ssh, *key)
        assert through.code == 0, through.err
        assert holdfast("db", "query", "moving", "--write", "select 2", "--json").json["rows"] == [[2]]
        assert house.asked
        word = ("--ssh", f"{USER}@127.0.0.1:{house.port}", "--ssh-password-file", str(files / "ssh"), *key)
        assert holdfast("db", "register", "x", *plain, "--tls", "disable", *word, "--test").code == 0
        assert holdfast("db", "register", "x", *plain, "--ssh", "nobody", "--test").code == 2


@pytest.mark.slow
def test_files_and_refusals(holdfast: Holdfast, files: Path) -> None:
    """A file below a listed root; outside of it, and servers that are not there or say no, each by its reason."""
    inside = make_file(files / "root" / "it's notes.db", "CREATE TABLE t (n)", "INSERT INTO t VALUES (7)")
    outside = make_file(files / "outside.db")
    made = holdfast("db", "register", "notes", "--engine", "sqlite", "--path", str(inside))
    assert made.code == 0, made.err
    assert holdfast("db", "query", "notes", "select n from t", "--json").json["rows"] == [[7]]
    report = holdfast("db", "report", "notes", "--json").json
    assert report["report"]["engine"] == "sqlite"
    for path in (str(outside), str(files / "root" / ".." / "outside.db"), "relative.db"):
        refused = holdfast("db", "register", "no", "--engine", "sqlite", "--path", path, "--json")
        assert refused.code == 1, path
        assert refused.error["code"] != "internal", refused.error
    nobody = ("--engine", "postgresql", "--url", "-", "--test", "--json")
    absent = holdfast("db", "register", "no", *nobody, stdin="postgresql://a:s3cr3t@127.0.0.1:9/x?sslmode=disable\n")
    assert (absent.code, absent.json["ok"]) == (1, False)
    assert "s3cr3t" not in absent.out + absent.err
    evil = holdfast("db", "register", "no", *nobody, stdin="postgresql://a@127.0.0.1/x?passfile=/etc/passwd\n")
    assert (evil.code, evil.error["code"]) == (1, "url_option")
    assert holdfast("db", "register", "no", "--engine", "postgresql", "--host", "h", "--tls-ca", "/nowhere").code == 2
    unlisted = holdfast("db", "register", "no", "--engine", "postgresql", "--password-file", "/nowhere/at/all")
    assert unlisted.code == 2
    assert [one["name"] for one in holdfast("db", "list", "--json").json if one["name"] == "no"] == []

"""`holdfast repo add --kind sftp`, as people type it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import metadata_home
import pytest
from cli_kit import Ran, run
from hypothesis import given
from hypothesis import strategies as st
from sftp_server import PASSWORD, USER, SftpHouse, sftp_house

from holdfast.commands.demo.temporary import environment, temporary_holdfast
from holdfast.features.backups.cli_repo_place import login_fields
from holdfast.terminal.failure import Usage


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpHouse]:
    with sftp_house(tmp_path_factory.mktemp("sftp-cli")) as server:
        yield server


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    allowed = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8"}
    with temporary_holdfast(metadata_home.elsewhere(), allowed) as client:
        root = Path(client.where).parent.parent
        yield environment(root) | {"XDG_CONFIG_HOME": str(root / "config"), "LOGIN_SECRET": PASSWORD}


def add(environ: dict[str, str], house: SftpHouse, name: str, *more: str, login: str | None = None) -> Ran:
    there = ["--login", login or f"{USER}@127.0.0.1:{house.port}", "--path", str(house.root)]
    return run(environ, "repo", "add", name, "--kind", "sftp", *there, *more)


@pytest.mark.slow
def test_a_repository_on_a_server_from_the_command_line(
    environ: dict[str, str], house: SftpHouse, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text(house.key)
    secret = ["--secret-from-file", str(tmp_path / "id")]
    asked = add(environ, house, "nas", *secret)
    assert asked.code == 2
    assert "the host key of 127.0.0.1 is not confirmed: it shows SHA256:" in asked.err
    assert f"--host-key '{house.shown}'" in asked.err
    assert "nas" not in run(environ, "repo", "list").out

    made = add(environ, house, "nas", *secret, "--host-key", house.shown, "--default")
    assert made.code == 0, made.err
    assert f"sftp://{USER}@127.0.0.1:{house.port}/{house.root}/holdfast/" in made.out
    assert "too much  list_outside: the login sees the whole machine" in made.err
    assert run(environ, "db", "create", "sqlite", "shop").code == 0
    assert run(environ, "snapshot", "create", "shop", "--verify", "3").code == 0
    assert run(environ, "repo", "check", "nas", "--read-data").code == 0
    assert run(environ, "repo", "credential", "nas", "--secret-from-env", "LOGIN_SECRET").code == 0
    tested = run(environ, "repo", "test", "nas")
    assert tested.code == 0
    assert "ok  write: " in tested.out


@pytest.mark.slow
def test_what_is_missing_or_odd_is_said(environ: dict[str, str], house: SftpHouse) -> None:
    for login in ("127.0.0.1", "@127.0.0.1", f"{USER}@", f"{USER}@127.0.0.1:ssh"):
        refused = add(environ, house, "odd", "--secret-from-env", "LOGIN_SECRET", login=login)
        assert (refused.code, "--login takes USER@HOST" in refused.err) == (2, True), refused.err
    missing = run(environ, "repo", "add", "odd", "--kind", "sftp")
    assert "--login and --path: missing" in missing.err
    other = run(environ, "repo", "add", "odd", "--kind", "s3", "--login", "a@b")
    assert "--login: not for a repository of kind s3" in other.err


@given(st.from_regex(r"[a-z@._-]{1,12}", fullmatch=True), st.integers(1, 65_535), st.booleans())
def test_a_login_is_taken_apart_as_it_was_put_together(user: str, port: int, six: bool) -> None:
    host = "::1" if six else "nas.example"
    shown = f"[{host}]" if six else host
    assert login_fields(f"{user}@{shown}:{port}") == {"user": user, "host": host, "port": port}
    assert login_fields(f"{user}@{shown}") == {"user": user, "host": host}


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_login_or_refused(text: str) -> None:
    with suppress(Usage):
        assert {"user", "host"} <= set(login_fields(text))

"""`holdfast repo` with a repository in a bucket, as people type it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import metadata_home
import pytest
from azure_server import ACCOUNT, azurite
from cli_kit import Ran, run
from gcs_server import gcs
from s3_server import KEY, Server, moto

from holdfast.commands.demo.temporary import environment, temporary_holdfast

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("repo-cloud-cli")]


@dataclass
class Shell:
    environ: dict[str, str]
    server: Server

    def __call__(self, *line: str, stdin: str = "") -> Ran:
        return run(self.environ, *line, stdin=stdin)

    def add(self, name: str, bucket: str, *more: str, stdin: str = "") -> Ran:
        line = ["--endpoint", self.server.endpoint, "--allow-http", "--bucket", bucket, *more]
        return self("repo", "add", name, "--kind", "s3", *line, stdin=stdin)


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    allowed = {"HOLDFAST_OUTBOUND_ALLOW": "127.0.0.0/8", "AWS_SKIP_SIGNATURE": "true"}
    with moto() as server, temporary_holdfast(metadata_home.elsewhere(), allowed) as client:
        root = Path(client.where).parent.parent
        variables = environment(root) | {"XDG_CONFIG_HOME": str(root / "config"), "THE_SECRET": KEY.secret}
        yield Shell(variables, server)


def test_a_repository_in_a_bucket_from_the_command_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(KEY.secret + "\n")
    bucket = shell.server.bucket()
    by_file = ["--access-key-id", KEY.id, "--secret-from-file", str(tmp_path / "secret.txt")]
    made = shell.add("vault", bucket, *by_file, "--default")
    assert made.code == 0, made.err
    assert f"s3:{shell.server.endpoint}/{bucket}/" in made.out
    assert "too much  list_buckets" in made.err  # moto lets everyone do everything
    listed = shell("repo", "list")
    assert "vault" in listed.out
    tested = shell("repo", "test", "vault")
    assert tested.code == 0
    assert "ok  write: " in tested.out
    assert shell("repo", "test", "vault", "--json").json["last_test"]["ok"] is True

    assert shell("db", "create", "sqlite", "shop").code == 0
    taken = shell("snapshot", "create", "shop", "--json")
    assert taken.code == 0, taken.err
    assert shell("repo", "check", "vault").code == 0
    shown = shell("repo", "show", "default")
    assert "vault" in shown.out
    assert "ready" in shown.out
    revealed = shell("repo", "key", "vault")
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in revealed.err

    changed = shell("repo", "credential", "vault", "--access-key-id", "AKIANEXT", "--secret-from-env", "THE_SECRET")
    assert changed.code == 0, changed.err
    other = shell.add("other", shell.server.bucket(), stdin=f"{KEY.id}\n{KEY.secret}\n")
    assert other.code == 0, other.err
    assert shell("repo", "default", "other").code == 0
    assert shell("repo", "show", "default", "--json").json["name"] == "other"
    everything = "".join(ran.out + ran.err for ran in (made, listed, tested, shown, revealed, changed, other))
    assert KEY.secret not in everything
    assert KEY.secret not in shell("audit", "list", "--json").out


def test_google_and_azure_from_the_command_line(shell: Shell, tmp_path: Path) -> None:
    with gcs() as google, azurite() as azure:
        key, container = tmp_path / "key.json", azure.container()
        key.write_text(google.key_file() + "\n")
        where = ["--endpoint", google.endpoint, "--allow-http", "--bucket", google.bucket()]
        made = shell("repo", "add", "google", "--kind", "gcs", *where, "--secret-from-file", str(key))
        assert made.code == 0, made.err
        assert "gs:b-" in made.out
        place = ["--account", ACCOUNT, "--container", container, "--endpoint", azure.endpoint, "--allow-http"]
        sas = azure.sas(container)
        other = shell("repo", "add", "blue", "--kind", "azure", *place, stdin=sas + "\n")
        assert other.code == 0, other.err
        assert "azure:c-" in other.out
        tested = shell("repo", "test", "blue")
        assert tested.code == 0
        assert "ok  credential: a SAS of the container" in tested.out
        changed = shell("repo", "credential", "google", stdin=google.key_file())
        assert changed.code == 0, changed.err
        revealed = shell("repo", "key", "google")
        assert "GOOGLE_APPLICATION_CREDENTIALS" in revealed.err
        listed = shell("repo", "list")
        assert {"gcs", "azure"} <= set(listed.out.split())
        shown = shell("repo", "show", "blue")
        told = "".join(ran.out + ran.err for ran in (made, other, tested, changed, revealed, listed, shown))
        assert "PRIVATE KEY" not in told
        assert "sig=" not in told
        for line, said in (
            (("--kind", "gcs"), "--bucket: missing"),
            (("--kind", "azure", "--account", "acme"), "--container: missing"),
            (("--kind", "gcs", "--bucket", "x", "--region", "eu"), "--region: not for"),
            (("--kind", "local", "--prefix", "x"), "--prefix: not for"),
            (("--kind", "azure", *place, "--access-key-id", "x"), "of kind s3"),
        ):
            refused = shell("repo", "add", "never", *line)
            assert (refused.code, said in refused.err) == (2, True), refused.err


def test_what_is_wrong_is_said(shell: Shell) -> None:
    gone = shell.add("gone", "no-such-bucket", "--access-key-id", KEY.id, "--secret-from-env", "THE_SECRET")
    assert gone.code != 0
    assert "no such bucket" in gone.err
    inside = shell(
        "repo", "add", "inside", "--endpoint", "https://169.254.169.254", "--bucket", "bucket",
        "--access-key-id", KEY.id, "--secret-from-env", "THE_SECRET", "--json",
    )  # fmt: skip
    assert inside.error["code"] == "outbound_refused"
    for line in (
        ("repo", "add", "x"),
        ("repo", "add", "x", "--endpoint", "https://h"),
        ("repo", "credential", "vault", "--access-key-id", "x", "--secret-from-env", "NOT_SET"),
        ("repo", "credential", "vault", "--access-key-id", "x"),
    ):
        refused = shell(*line)
        assert refused.code == 2, (line, refused.err)
    assert "gone" not in shell("repo", "list").out

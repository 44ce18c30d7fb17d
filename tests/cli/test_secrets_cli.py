"""Secrets, the master key and the recovery kit, typed as a user types them at a running Holdfast."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_kit import Holdfast

from holdfast.formats import age_hybrid

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli-server")]
VALUE = "canary-77ab10-typed-secret"


def test_a_secret_from_a_pipe(holdfast: Holdfast, server: dict[str, str]) -> None:
    assert "version 1" in holdfast("secret", "set", "TOKEN", "--stdin", stdin=VALUE + "\n").out
    assert "version 2" in holdfast("secret", "set", "TOKEN", "--stdin", stdin="second line\nkept\n").out
    listed = holdfast("secret", "list")
    assert "TOKEN" in listed.out
    assert VALUE not in listed.out + holdfast("secret", "list", "--json").out
    assert holdfast("secret", "reveal", "TOKEN").out == "second line\nkept\n"
    assert holdfast("secret", "reveal", "TOKEN", "--version", "1", "--json").json["value"] == VALUE
    assert "version 3" in holdfast("secret", "restore", "TOKEN", "1").out
    assert [each["version"] for each in holdfast("secret", "versions", "TOKEN", "--json").json] == [3, 2, 1]
    assert holdfast("secret", "rotate", "--json").json["destroyed"] == 1
    assert holdfast("secret", "delete", "TOKEN", "--confirm", "TOKN").code == 2
    assert holdfast("secret", "delete", "TOKEN", "--confirm", "TOKEN").code == 0
    assert holdfast("secret", "reveal", "TOKEN").code == 3
    assert "TOKEN" in holdfast("secret", "list", "--deleted").out
    assert holdfast("secret", "delete", "TOKEN", "--confirm", "TOKEN", "--destroy").code == 0


def test_a_value_is_never_asked_for_where_nobody_can_answer(holdfast: Holdfast) -> None:
    ran = holdfast("secret", "set", "TOKEN", stdin=VALUE)
    assert ran.code == 2
    assert "--stdin" in ran.err
    assert holdfast("secret", "set", "TOKEN", VALUE).code == 2


def test_at_a_terminal_a_value_is_typed_twice_and_not_shown(server: dict[str, str]) -> None:
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli", "secret", "set", "TYPED"],
        env=server,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as child:
        os.close(terminal)
        shown = b""
        for _ in range(2):
            while not shown.endswith(b": "):
                shown += os.read(master, 1000)
            shown = b"" if b"Value" in shown else shown
            time.sleep(0.1)
            os.write(master, VALUE.encode() + b"\n")
            shown += b"|"
        assert child.wait(30) == 0
    os.close(master)
    assert VALUE.encode() not in shown


def test_the_master_key_and_the_kit(holdfast: Holdfast, tmp_path: Path) -> None:
    """Made, checked, opened, stale after a rotation, and the running Holdfast says so."""
    secret, recipient = age_hybrid.new_identity()
    (tmp_path / "key.txt").write_text(f"# created: today\n{secret}\n")
    assert holdfast("db", "create", "sqlite", "kept").code == 0
    assert holdfast("snapshot", "create", "kept").code == 0  # the runner has opened the repository's password now
    kit, key = str(tmp_path / "kit.age"), str(tmp_path / "key.txt")
    assert "no recovery kit" in holdfast("status").out
    assert holdfast("recovery-kit", "status").code == 1
    made = holdfast("recovery-kit", "create", "--to", recipient, "-o", kit)
    assert made.code == 0, made.err
    assert stat.S_IMODE(os.stat(kit).st_mode) == 0o600
    assert holdfast("recovery-kit", "create", "--to", recipient, "-o", kit).code == 2  # never over an older one
    assert "recovers everything" in holdfast("recovery-kit", "check", kit, "--identity", key).out
    assert holdfast("recovery-kit", "status").code == 0
    assert "ecovery kit" not in holdfast("status").out
    opened = holdfast("recovery-kit", "open", kit, "-i", key)
    assert "HOLDFAST RECOVERY KIT" in opened.out
    before = holdfast("master-key", "show-id", "--json").json["id"]
    assert before in opened.out
    rotated = holdfast("master-key", "rotate", "--data-keys")
    assert rotated.code == 0, rotated.err
    now = holdfast("master-key", "show-id", "--json").json
    assert now["id"] != before
    assert now["retiring"] == []
    again = holdfast("snapshot", "create", "kept")  # and learns of the new keys without a restart
    assert again.code == 0, again.err
    stale = holdfast("recovery-kit", "check", kit, "-i", key)
    assert stale.code == 1
    assert "rotated after" in stale.out
    assert "rotated after" in holdfast("status").out
    wrong = holdfast("recovery-kit", "open", kit, "--passphrase-stdin", stdin="wrong\n")
    assert wrong.code == 1
    assert "does not open" in wrong.err


def test_a_kit_nobody_can_be_asked_about(holdfast: Holdfast, tmp_path: Path) -> None:
    kit = tmp_path / "kit.age"
    assert holdfast("recovery-kit", "create", "-o", str(kit)).code == 2
    assert holdfast("recovery-kit", "create", "--to", "age1nobody").code == 2
    refused = holdfast("recovery-kit", "create", "--to", "age1nobody", "-o", str(kit))
    assert refused.code == 1
    assert not kit.exists()
    short = holdfast("recovery-kit", "create", "--passphrase-stdin", "-o", str(kit), stdin="short\n")
    assert short.code == 1
    assert "16 characters" in short.err
    assert holdfast("recovery-kit", "open", str(tmp_path / "nothing"), "--passphrase-stdin").code == 2
    assert holdfast(
        "recovery-kit", "create", "--passphrase-stdin", "-o", "-", stdin="five random words here\n"
    ).out.startswith("-----BEGIN AGE ENCRYPTED FILE-----")

"""The secret of a kind of repository on the command line: never an argument."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from holdfast.terminal.failure import Usage

_ASKED = {
    "s3": "Secret access key",
    "gcs": "Key file of the service account",
    "azure": "Account key or SAS",
    "sftp": "Password",
}


@dataclass(frozen=True)
class Given:
    """Of the command line."""

    key_id: str | None
    file: Path | None
    variable: str | None
    token_variable: str | None


def credential_of(kind: str, given: Given) -> dict[str, Any]:
    """By the names of the API. A secret comes from a file, a variable, a pipe or a prompt, never from the command
    line. Raises Usage."""
    if given.file and given.variable:
        raise Usage("two secrets were given", hint="say --secret-from-file or --secret-from-env")
    if kind != "s3" and (given.key_id or given.token_variable):
        raise Usage("--access-key-id and --session-token-from-env are of kind s3")
    if kind == "s3":
        found = {"access_key_id": given.key_id or _asked("Access key id", hide=False)}
        found["secret_access_key"] = _secret(kind, given)
        return found | ({"session_token": _variable(given.token_variable)} if given.token_variable else {})
    secret = _secret(kind, given)
    if kind == "gcs":
        return {"service_account_key": secret}
    if kind == "sftp":
        return {"private_key" if "PRIVATE KEY" in secret else "login_password": secret}
    return {"sas_token" if "sig=" in secret else "account_key": secret}


def _secret(kind: str, given: Given) -> str:
    if given.file:
        return given.file.read_text(encoding="utf-8").strip()
    if given.variable:
        return _variable(given.variable)
    if kind == "gcs":  # a file of many lines: nobody types it
        text = "" if sys.stdin.isatty() else sys.stdin.read().strip()
        if not text:
            raise Usage("where is the service account's key file?", hint="say --secret-from-file FILE, or pipe it in")
        return text
    return _asked(_ASKED[kind], hide=True)


def _variable(name: str) -> str:
    if not os.environ.get(name):
        raise Usage(f"the variable {name} is not set")
    return os.environ[name]


def _asked(what: str, *, hide: bool) -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline().strip()
        if not line:
            raise Usage(f"where is the {what[0].lower()}{what[1:]}?", hint="say --secret-from-file, or pipe it in")
        return line
    return str(typer.prompt(what, hide_input=hide, err=True))

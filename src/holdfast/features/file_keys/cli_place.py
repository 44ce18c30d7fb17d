"""Where a service has a key, and how to ask it, on the command line. A secret is never an argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.terminal.failure import Usage

Address = Annotated[str | None, typer.Option("--address", metavar="URL", help="Of Vault: https://vault.example:8200.")]
Namespace = Annotated[str | None, typer.Option("--namespace", help="Of Vault.")]
Mount = Annotated[str | None, typer.Option("--mount", help="Of Vault's engine.", show_default="secret or transit")]
Path_ = Annotated[str | None, typer.Option("--path", help="Of vault-kv: where the secret is.")]
Field = Annotated[str | None, typer.Option("--field", help="Of vault-kv: which field is the key.", show_default="key")]
KeyName = Annotated[
    str | None,
    typer.Option("--key", help="The transit key; an AWS key's id, ARN or alias/NAME; a Google key's whole name."),
]
AppRole = Annotated[str | None, typer.Option("--role-id", help="Of an AppRole; the secret is its secret id then.")]
Region = Annotated[str | None, typer.Option("--region", help="Of AWS.")]
Endpoint = Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="Of a KMS, when not the cloud's own.")]
Authority = Annotated[
    Path | None, typer.Option("--ca", exists=True, dir_okay=False, help="PEM of an authority of your own.")
]
# by kind: the API's field, and its names by our options'
_PLACES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "vault-kv": ("vault", {name: name for name in ("address", "namespace", "mount", "path", "field", "role_id")}),
    "vault-transit": ("vault", {name: name for name in ("address", "namespace", "mount", "key", "role_id")}),
    "aws-kms": ("aws", {"region": "region", "key": "key_id", "endpoint": "endpoint"}),
    "gcp-kms": ("gcp", {"key": "key", "endpoint": "endpoint"}),
}
_ALL = ("address", "namespace", "mount", "path", "field", "key", "role_id", "region", "endpoint")


@dataclass(frozen=True)
class Given:
    key_id: str | None
    file: Path | None
    variable: str | None
    session_variable: str | None


def place_of(kind: str, said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(the API's field, what goes there). Raises Usage for what this kind does not have."""
    service, names = _PLACES[kind]
    for name in _ALL:
        if said.get(name) is not None and name not in names:
            raise Usage(f"--{name.replace('_', '-')} is nothing that a key of kind {kind} has")
    place = {wire: said[name] for name, wire in names.items() if said.get(name) is not None}
    if said.get("ca") is not None:
        place["ca"] = said["ca"].read_text(encoding="utf-8")
    return service, place


def credential_of(kind: str, given: Given, *, approle: bool) -> dict[str, str]:
    """By the API's names. Raises Usage."""
    if kind == "aws-kms":
        if not given.key_id:
            raise Usage("which access key?", hint="say --access-key-id ID")
        found = {"access_key_id": given.key_id, "secret_access_key": secret_of("Secret access key", given)}
        return found | ({"session_token": _variable(given.session_variable)} if given.session_variable else {})
    if given.key_id or given.session_variable:
        raise Usage("--access-key-id and --session-token-from-env are of kind aws-kms")
    if kind == "gcp-kms":
        return {"service_account_key": secret_of("Key file of the service account", given)}
    return {"secret_id": secret_of("Secret id", given)} if approle else {"token": secret_of("Vault token", given)}


def secret_of(what: str, given: Given, other: str = "") -> str:
    """From a file, a variable, a pipe or a prompt; `other` ways are named to who gave none. Raises Usage."""
    if given.file and given.variable:
        raise Usage("two secrets were given", hint="say --secret-from-file or --secret-from-env")
    if given.file:
        return given.file.read_text(encoding="utf-8").strip()
    if given.variable:
        return _variable(given.variable)
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True))
    text = sys.stdin.read().strip()
    if not text:
        raise Usage(f"where is the {what[0].lower()}{what[1:]}?", hint=f"say --secret-from-file{other}, or pipe it in")
    return text


def _variable(name: str) -> str:
    if not os.environ.get(name):
        raise Usage(f"the variable {name} is not set")
    return os.environ[name]

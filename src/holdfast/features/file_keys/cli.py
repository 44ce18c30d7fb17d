"""`holdfast file-key`: keys of plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.features.file_keys.cli_place import (
    Address,
    AppRole,
    Authority,
    Endpoint,
    Field,
    Given,
    KeyName,
    Mount,
    Namespace,
    Path_,
    Region,
    credential_of,
    place_of,
    secret_of,
)
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb

# ruff: noqa: ARG001  options are read by their names

app = noun(
    "file-key",
    "Keys that plain files are sealed with: your own, in Vault, in a cloud's KMS.",
    """
    holdfast file-key add offsite --kind age --recipient age1...
    holdfast snapshot create shop --repo dumps --file-key offsite
    """,
)
Key = Annotated[str, typer.Argument(help="Name or id.")]
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-from-file", exists=True, dir_okay=False, help="The identity, passphrase, token or secret."),
]
SecretEnv = Annotated[str | None, typer.Option("--secret-from-env", metavar="VARIABLE", help="Where the secret is.")]
AccessKey = Annotated[str | None, typer.Option("--access-key-id", metavar="ID", help="Of an AWS access key.")]
SessionEnv = Annotated[
    str | None, typer.Option("--session-token-from-env", metavar="VARIABLE", help="Of an AWS key that ends by itself.")
]
KindOption = Annotated[
    Literal["age", "age-identity", "passphrase", "gpg", "vault-kv", "vault-transit", "aws-kms", "gcp-kms"],
    typer.Option("--kind", help="age and gpg: the public half alone, Holdfast seals and cannot open."),
]


@verb(
    app,
    "add",
    """
    holdfast file-key add offsite --kind age --recipient age1... --recipient age1...
    holdfast file-key add escrow --kind gpg --public-key escrow.asc
    holdfast file-key add mine --kind passphrase --generate
    holdfast file-key add vaulted --kind vault-transit --address https://vault.example:8200 --key holdfast \\
        --secret-from-file token
    holdfast file-key add kv --kind vault-kv --address https://vault.example:8200 --path holdfast/files \\
        --role-id 0c2b... --secret-from-env SECRET_ID
    holdfast file-key add aws --kind aws-kms --region eu-central-1 --key alias/holdfast --access-key-id AKIA... \\
        --secret-from-file secret.txt
    """,
)
def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="Name of the new key.")],
    kind: KindOption,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="AGE1...", help="Of age: a key or a file with one; repeatable."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", exists=True, dir_okay=False, help="Of gpg: from gpg --armor --export."),
    ] = None,
    generate: Annotated[bool, typer.Option("--generate", help="Have an identity or passphrase made.")] = False,
    address: Address = None,
    namespace: Namespace = None,
    mount: Mount = None,
    path: Path_ = None,
    field: Field = None,
    key: KeyName = None,
    role_id: AppRole = None,
    region: Region = None,
    endpoint: Endpoint = None,
    ca: Authority = None,
    access_key_id: AccessKey = None,
    secret_from_file: SecretFile = None,
    secret_from_env: SecretEnv = None,
    session_token_from_env: SessionEnv = None,
    only_env: Annotated[str | None, typer.Option("--only-env", help="Only for this environment's snapshots.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
) -> None:
    """Add a key. One that a service has is tried first: nothing is kept unless it seals and opens."""
    t = terminal(ctx)
    body: dict[str, Any] = {"name": name, "kind": kind, "description": description}
    if only_env:
        body["environment_id"] = t.environment_of(only_env)["id"]
    given = Given(access_key_id, secret_from_file, secret_from_env, session_token_from_env)
    if kind == "age":
        body["recipients"] = [_line(each) for each in recipient or []]
    elif kind == "gpg":
        if public_key is None:
            raise Usage("where is the public key?", hint="say --public-key FILE")
        body["public_key"] = public_key.read_text(encoding="utf-8")
    elif kind in ("age-identity", "passphrase"):
        if not generate:
            what = "Identity" if kind == "age-identity" else "Passphrase"
            body["material"] = secret_of(what, given, " or --generate")
    else:
        service, place = place_of(kind, ctx.params)
        body[service] = place | credential_of(kind, given, approle=role_id is not None)
    made = t.client.post(f"/projects/{t.project_of()['id']}/file-keys", body)
    t.answer(made, f"Added file key {output.visible(name)}: {_said(made)}")
    if not made["opens"]:
        output.note("Holdfast has only its public half: it cannot restore, nor look into, what is sealed with it.")


@verb(app, "list", "holdfast file-key list --project shop")
def list_(ctx: typer.Context) -> None:
    """List a project's keys."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/projects/{t.project_of()['id']}/file-keys"),
        {
            "NAME": "name",
            "KIND": "kind",
            "SEALS": lambda item: ", ".join(item["takes"]),
            "OPENS": lambda item: "yes" if item["opens"] else "no",
            "FINGERPRINT": lambda item: item["fingerprint"] or "-",
            "ID": "id",
        },
        empty="No file keys yet. Add one: holdfast file-key add NAME --kind age --recipient age1...",
    )


@verb(app, "show", "holdfast file-key show offsite")
def show(ctx: typer.Context, key: Key) -> None:
    """Show a key and what uses it."""
    t = terminal(ctx)
    found = t.client.get(f"/file-keys/{_find(t, key)['id']}")
    lines = [f"{found['name']}  {_said(found)}"]
    lines += [f"  {name}: {output.visible(str(value))}" for name, value in found["place"].items() if name != "ca"]
    lines += [
        f"  {output.counted(use['total'], use['noun'])}: {', '.join(use['names'])}"
        for use in found["uses"]
        if use["total"]
    ]
    t.answer(found, "\n".join(lines))


@verb(app, "test", "holdfast file-key test vaulted")
def test(ctx: typer.Context, key: Key) -> None:
    """Ask the service that has the key."""
    t = terminal(ctx)
    tested = t.client.post(f"/file-keys/{_find(t, key)['id']}/test", {})
    works = "seals and opens" if tested["opens"] else "seals; only its public half is here"
    t.answer(tested, f"{tested['name']} {works}.")


@verb(app, "credential", "holdfast file-key credential vaulted --secret-from-file token")
def credential(
    ctx: typer.Context,
    key: Key,
    *,
    access_key_id: AccessKey = None,
    secret_from_file: SecretFile = None,
    secret_from_env: SecretEnv = None,
    session_token_from_env: SessionEnv = None,
) -> None:
    """Give a key's service another token, secret id or access key. It is tried first."""
    t = terminal(ctx)
    found = _find(t, key)
    given = Given(access_key_id, secret_from_file, secret_from_env, session_token_from_env)
    service = {"vault-kv": "vault", "vault-transit": "vault", "aws-kms": "aws", "gcp-kms": "gcp"}.get(found["kind"])
    if service is None:
        raise Usage(f"a key of kind {found['kind']} has no credential", hint="for another key add another one")
    values = credential_of(found["kind"], given, approle="role_id" in found["place"])
    changed = t.client.post(f"/file-keys/{found['id']}/credential", {service: values})
    t.answer(changed, f"{changed['name']} uses the new credential from now on. Take the old one back.")


@verb(app, "reveal", "holdfast file-key reveal mine")
def reveal(ctx: typer.Context, key: Key) -> None:
    """Print a key's identity or passphrase. Audited."""
    t = terminal(ctx)
    found = t.client.post(f"/file-keys/{_find(t, key)['id']}/reveal", {})
    t.answer(found, found["material"])


@verb(app, "delete", "holdfast file-key delete old --confirm old")
def delete(
    ctx: typer.Context,
    key: Key,
    *,
    confirm: Confirmed = None,
    lose: Annotated[
        bool, typer.Option("--lose-snapshots", help="Also when snapshots would not open here any more.")
    ] = False,
) -> None:
    """Delete a key. While snapshots need it that is refused, and says which."""
    t = terminal(ctx)
    found = _find(t, key)
    name = t.confirm(found["name"], confirm, "deletes a key: what only it opens is lost")
    t.client.delete(f"/file-keys/{found['id']}", {"confirm": name, "lose": lose})
    t.answer({"deleted": found["id"]}, f"Deleted file key {output.visible(name)}.")


def _find(t: Terminal, name: str) -> dict[str, Any]:
    if is_id(name, "fkey"):
        return dict(t.client.get(f"/file-keys/{name}"))
    for item in t.client.items(f"/projects/{t.project_of()['id']}/file-keys"):
        if item["name"] == name:
            return dict(item)
    raise NotFound(f"there is no file key named {name!r}", hint="list them: holdfast file-key list")


def _said(key: dict[str, Any]) -> str:
    mark = f", {key['fingerprint']}" if key["fingerprint"] else ""
    return f"{key['kind']}{mark}, seals {', '.join(key['takes'])}"


def _line(given: str) -> str:
    if given.startswith("age1"):
        return given
    path = Path(given)
    if not path.is_file():
        raise Usage(f"--recipient {given}: neither an age1... key nor a file with one")
    return path.read_text(encoding="utf-8").strip()

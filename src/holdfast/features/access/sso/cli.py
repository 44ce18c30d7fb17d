"""`holdfast sso`: identity providers, and what their groups become."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "sso",
    "Single sign-on: OpenID providers and their groups.",
    "holdfast sso add Example https://id.example.org --client-id holdfast --secret-stdin",
)
Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Name or id.", show_default=False)]
Secret = Annotated[bool, typer.Option("--secret-stdin", help="Read the client secret from standard input.")]
Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", help="Let in only e-mail addresses of this domain; repeat for more; any = all."),
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="What to ask for; openid email profile by default.")]
Claim = Annotated[str | None, typer.Option("--group-claim", help="The claim that lists the groups: groups.")]
Create = Annotated[
    bool | None, typer.Option("--create-accounts/--no-create-accounts", help="Make an account for who is new.")
]
Trust = Annotated[
    bool | None, typer.Option("--trust-factors/--no-trust-factors", help="Who comes from there needs no second factor.")
]
Private = Annotated[
    bool | None, typer.Option("--allow-private/--no-allow-private", help="Its address may be in a private network.")
]


@verb(app, "list", "holdfast sso list")
def list_(ctx: typer.Context) -> None:
    """List identity providers."""
    t = terminal(ctx)
    t.table(
        t.client.items("/sso/providers"),
        {
            "NAME": "name",
            "ISSUER": "issuer",
            "ENABLED": "enabled",
            "MAKES ACCOUNTS": "create_accounts",
            "RULES": lambda item: len(item["mapping"]),
            "ID": "id",
        },
        empty="No providers. Add one: holdfast sso add NAME ISSUER --client-id ID --secret-stdin",
    )


@verb(app, "add", "holdfast sso add Example https://id.example.org --client-id holdfast --secret-stdin")
def add(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="What the sign-in page calls it.")],
    issuer: Annotated[str, typer.Argument(help="The issuer, to the character as it calls itself.")],
    client_id: Annotated[str, typer.Option("--client-id", help="What it knows this installation by.")],
    secret_stdin: Secret = False,
    domains: Domains = None,
    scopes: Scopes = None,
    group_claim: Claim = None,
    create_accounts: Create = None,
    trust_factors: Trust = None,
    allow_private: Private = None,
) -> None:
    """Add a provider. It lets nobody in who is new until --create-accounts is given."""
    t = terminal(ctx)
    body: dict[str, Any] = {"name": name, "issuer": issuer, "client_id": client_id}
    if secret_stdin:
        body["client_secret"] = _secret()
    body |= _given(domains, scopes, group_claim, create_accounts, trust_factors, allow_private)
    made = t.client.post("/sso/providers", body)
    t.answer(made, f"Added {output.visible(name)}. Register this redirect URI with it:\n{_redirect_uri(t, made)}")


@verb(app, "show", "holdfast sso show Example")
def show(ctx: typer.Context, provider: Name) -> None:
    """Show a provider, what its groups become and the redirect URI to register with it."""
    t = terminal(ctx)
    found = _provider(t, provider)
    if t.json:
        output.say_json(found)
        return
    for label in ("name", "issuer", "client_id", "has_secret", "enabled", "create_accounts", "trust_factors"):
        output.say(f"{label:16} {output.value_text(found[label])}")
    for label in ("allow_private", "scopes", "allowed_domains", "group_claim", "id"):
        output.say(f"{label:16} {output.value_text(found[label])}")
    output.say(f"{'redirect_uri':16} {_redirect_uri(t, found)}")
    for rule in found["mapping"]:
        output.say(f"{'group':16} {_rule_text(rule)}")


@verb(app, "update", "holdfast sso update Example --disable\nholdfast sso update Example --secret-stdin < secret")
def update(
    ctx: typer.Context,
    *,
    provider: Name,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    client_id: Annotated[str | None, typer.Option("--client-id", help="Another client id.")] = None,
    secret_stdin: Secret = False,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether people may sign in there.")] = None,
    domains: Domains = None,
    scopes: Scopes = None,
    group_claim: Claim = None,
    create_accounts: Create = None,
    trust_factors: Trust = None,
    allow_private: Private = None,
) -> None:
    """Change a provider; what is not said stays. The issuer never changes: add another provider instead."""
    t = terminal(ctx)
    body = _given(domains, scopes, group_claim, create_accounts, trust_factors, allow_private)
    told = {"name": name, "client_id": client_id, "enabled": enable}
    body |= {key: value for key, value in told.items() if value is not None}
    if secret_stdin:
        body["client_secret"] = _secret()
    if not body:
        raise Usage("say what to change", hint="holdfast sso update --help")
    found = _provider(t, provider)
    changed = t.client.patch(f"/sso/providers/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed {output.visible(changed['name'])}.")


@verb(app, "remove", "holdfast sso remove Example --confirm Example")
def remove(
    ctx: typer.Context,
    provider: Name,
    confirm: Annotated[str | None, typer.Option("--confirm", help="The name again.", metavar="NAME")] = None,
) -> None:
    """Remove a provider, its identities and the roles its groups gave. The accounts stay."""
    t = terminal(ctx)
    found = _provider(t, provider)
    t.confirm(found["name"], confirm, "takes away every role its groups gave")
    t.client.delete(f"/sso/providers/{found['id']}")
    t.answer({"removed": found["id"]}, f"Removed {output.visible(found['name'])}.")


@verb(app, "test", "holdfast sso test Example")
def test(ctx: typer.Context, provider: Name) -> None:
    """Ask a provider for its description and keys now, and say what is wrong."""
    t = terminal(ctx)
    found = _provider(t, provider)
    answer = t.client.post(f"/sso/providers/{found['id']}/test")
    lines = [f"{'ok   ' if each['ok'] else 'WRONG'}  {each['what']}: {each['said']}" for each in answer["findings"]]
    t.answer(answer, output.visible("\n".join(lines)))
    if not answer["ok"]:
        raise typer.Exit(1)


@verb(
    app,
    "map",
    "holdfast sso map Example --group developers --role developer --in shop\n"
    "holdfast sso map Example --group developers --remove",
)
def map_(
    ctx: typer.Context,
    *,
    provider: Name,
    group: Annotated[str, typer.Option("--group", help="The group, exactly as the provider says it.")],
    role: Annotated[str | None, typer.Option("--role", help="What its people become.")] = None,
    project: Annotated[str | None, typer.Option("--in", help="In this project only.", metavar="PROJECT")] = None,
    environment: Annotated[
        str | None, typer.Option("--in-env", help="In this environment only, by id.", metavar="ID")
    ] = None,
    gone: Annotated[bool, typer.Option("--remove", help="Take the group's rules away (or those of --role).")] = False,
) -> None:
    """Say what a group becomes: a role in the installation, in a project, or in one environment.

    Counts from each person's next sign-in; what a removed rule gave goes at once.
    """
    t = terminal(ctx)
    if role is None and not gone:
        raise Usage("say --role ROLE, or --remove")
    found = _provider(t, provider)
    rules = [
        rule for rule in found["mapping"] if not (gone and rule["group"] == group and role in (None, rule["role"]))
    ]
    if not gone:
        project_id = t.find("/projects", project, "project", "prj")["id"] if project else None
        made = {"group": group, "role": role, "project_id": project_id, "environment_id": environment}
        rules += [] if made in rules else [made]
    changed = t.client.patch(f"/sso/providers/{found['id']}", {"mapping": rules}, found["version"])
    t.answer(changed, "\n".join(_rule_text(rule) for rule in changed["mapping"]) or "No group becomes anything.")


def _provider(t: Terminal, name: str) -> dict[str, Any]:
    return t.find("/sso/providers", name, "provider", "idp")


def _secret() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt("Client secret", hide_input=True, err=True))


def _given(
    domains: list[str] | None,
    scopes: list[str] | None,
    group_claim: str | None,
    create_accounts: bool | None,
    trust_factors: bool | None,
    allow_private: bool | None,
) -> dict[str, Any]:
    told: dict[str, Any] = {"scopes": scopes or None, "group_claim": group_claim}
    told["allowed_domains"] = [] if domains == ["any"] else domains or None
    flags = {"create_accounts": create_accounts, "trust_factors": trust_factors, "allow_private": allow_private}
    return {name: value for name, value in {**told, **flags}.items() if value is not None}


def _redirect_uri(t: Terminal, provider: dict[str, Any]) -> str:
    """Over admin.sock the server cannot know by which address people reach it."""
    shown = str(provider["redirect_uri"])
    if t.client.where.startswith("http"):
        return shown
    return f"https://YOUR-ADDRESS/api/v1/sso/{provider['id']}/callback"


def _rule_text(rule: dict[str, Any]) -> str:
    where = rule["environment_id"] or rule["project_id"] or "the whole installation"
    return output.visible(f"{rule['group']} -> {rule['role']} in {where}")

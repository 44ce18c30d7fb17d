"""`holdfast user`: people and their accounts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.access.accounts.cli_find import find_user
from holdfast.kernel.errors import NotFound, Retryable
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import noun, verb

app = noun(
    "user", "People and their accounts.", "holdfast user invite ada@example.org --role developer\nholdfast user list"
)
Who = Annotated[str, typer.Argument(metavar="USER", help="E-mail or id.", show_default=False)]
Confirm = Annotated[str | None, typer.Option("--confirm", metavar="E-MAIL", help="The e-mail again, for scripts.")]
Url = Annotated[str | None, typer.Option("--url", help="What the link begins with, when people use another address.")]


@verb(app, "list", "holdfast user list\nholdfast user list --deleted")
def list_(
    ctx: typer.Context,
    *,
    deleted: Annotated[bool, typer.Option("--deleted", help="What is left of deleted accounts instead.")] = False,
) -> None:
    """List people."""
    t = terminal(ctx)
    t.table(
        t.client.items("/users", deleted="true" if deleted else None),
        {
            "E-MAIL": "email",
            "NAME": "name",
            "ROLE": "role",
            "STATE": state,
            "LAST SEEN": lambda user: output.moment_text(user.get("last_seen_at")),
            "ID": "id",
        },
        empty="No account was deleted."
        if deleted
        else "No people yet: open the first-run link, or invite someone: holdfast user invite ada@example.org",
    )


@verb(app, "show", "holdfast user show ada@example.org")
def show(ctx: typer.Context, user: Who) -> None:
    """Show a person; by id a deleted one too."""
    t = terminal(ctx)
    found = find_user(t, user)
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "E-mail": found["email"] or "-",
            "Name": found["name"] or "-",
            "Id": found["id"],
            "Role": found["role"],
            "State": state(found),
            "Created": output.moment_text(found["created_at"]),
            "Last seen": output.moment_text(found["last_seen_at"]),
        }
    )


@verb(
    app,
    "invite",
    "holdfast user invite ada@example.org --role developer\n"
    "holdfast user invite bob@example.org --grant operator@shop --grant viewer@shop/production",
)
def invite(
    ctx: typer.Context,
    *,
    email: Annotated[str, typer.Argument(help="Whom to invite.")],
    role: Annotated[str, typer.Option("--role", help="Role in the whole installation.")] = "member",
    grants: Annotated[
        list[str] | None,
        typer.Option("--grant", metavar="ROLE@PROJECT[/ENV]", help="A role in a project or environment besides."),
    ] = None,
    url: Url = None,
) -> None:
    """Invite someone. The link is shown once, works once, for seven days: hand it on yourself."""
    t = terminal(ctx)
    body = {"email": email, "role": role, "grants": [_grant(t, given) for given in grants or []], "url": url}
    made = t.client.post("/invites", body)
    if made["link"] is None:
        raise Retryable(
            f"{output.visible(email)} was invited, but the answer that showed the link was lost",
            code="link_not_shown",
            hint="invite again: the earlier link ends with it",
        )
    if t.json:
        output.say_json(made)
        return
    output.say(str(made["link"]))
    output.note(f"This is the only time it is shown. It works once, until {output.moment_text(made['expires_at'])}.")


@verb(app, "invites", "holdfast user invites\nholdfast user invites --all")
def invites(
    ctx: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Accepted, revoked and expired ones too.")] = False,
) -> None:
    """List open invites: never their links."""
    t = terminal(ctx)
    t.table(
        t.client.items("/invites", open=None if everything else "true"),
        {
            "E-MAIL": "email",
            "ROLE": "role",
            "IN PROJECTS": lambda invite: len(invite["grants"]),
            "EXPIRES": lambda invite: output.moment_text(invite["expires_at"]),
            "ACCEPTED": lambda invite: output.moment_text(invite["accepted_at"]),
            "REVOKED": lambda invite: output.moment_text(invite["revoked_at"]),
            "ID": "id",
        },
        empty="No invites. Invite someone: holdfast user invite ada@example.org",
    )


@verb(app, "revoke-invite", "holdfast user revoke-invite ada@example.org")
def revoke_invite(
    ctx: typer.Context, invite: Annotated[str, typer.Argument(metavar="INVITE", help="E-mail or id.")]
) -> None:
    """Revoke an open invite: its link is dead at once."""
    t = terminal(ctx)
    invite_id = invite if is_id(invite, "inv") else _open_invite(t, invite)
    t.answer(t.client.delete(f"/invites/{invite_id}"), f"Revoked the invite of {output.visible(invite)}.")


@verb(app, "role", "holdfast user role ada@example.org admin")
def role(ctx: typer.Context, user: Who, role: Annotated[str, typer.Argument(help="viewer, operator, ...")]) -> None:
    """Change someone's role in the whole installation."""
    t = terminal(ctx)
    t.answer(_change(t, user, role=role), f"{output.visible(user)} is {output.visible(role)} now.")


@verb(app, "rename", 'holdfast user rename ada@example.org "Ada Lovelace"')
def rename(ctx: typer.Context, user: Who, name: Annotated[str, typer.Argument(help="The person's name.")]) -> None:
    """Change the name shown for someone."""
    t = terminal(ctx)
    t.answer(_change(t, user, name=name), f"{output.visible(user)} is called {output.visible(name)} now.")


@verb(app, "disable", "holdfast user disable ada@example.org --confirm ada@example.org")
def disable(ctx: typer.Context, user: Who, confirm: Confirm = None) -> None:
    """Shut someone out at once: their sessions end, and they cannot sign in."""
    t = terminal(ctx)
    found = find_user(t, user)
    t.confirm(found["email"] or found["id"], confirm, "ends someone's sessions and shuts them out")
    t.answer(_change(t, found["id"], disabled=True), f"Disabled {output.visible(user)}.")


@verb(app, "enable", "holdfast user enable ada@example.org")
def enable(ctx: typer.Context, user: Who) -> None:
    """Let a disabled person sign in again."""
    t = terminal(ctx)
    t.answer(_change(t, user, disabled=False), f"Enabled {output.visible(user)}.")


@verb(app, "delete", "holdfast user delete ada@example.org --confirm ada@example.org")
def delete(ctx: typer.Context, user: Who, confirm: Confirm = None) -> None:
    """Delete an account: its sessions, keys and roles end, e-mail and name are erased."""
    t = terminal(ctx)
    found = find_user(t, user)
    email = t.confirm(found["email"] or found["id"], confirm, "deletes an account and ends its keys")
    t.client.delete(f"/users/{found['id']}", {"confirm": email})
    t.answer({"deleted": found["id"]}, f"Deleted {output.visible(email)}. The audit log knows it as {found['id']}.")


@verb(app, "reset", "holdfast user reset ada@example.org --confirm ada@example.org")
def reset(ctx: typer.Context, user: Who, confirm: Confirm = None, url: Url = None) -> None:
    """Let someone start anew: ends password, second factors, sessions and lock-out; shows a link for a new password.

    On the server itself this works for an owner who is locked out, too.
    """
    t = terminal(ctx)
    found = find_user(t, user)
    t.confirm(found["email"] or found["id"], confirm, "ends someone's password, second factors and sessions")
    made = t.client.post(f"/users/{found['id']}/reset", {"url": url})
    if t.json:
        output.say_json(made)
        return
    output.say(str(made["link"]))
    output.note("This is the only time it is shown. It works once, within an hour; nobody can sign in before.")


@verb(app, "factors", "holdfast user factors ada@example.org")
def factors(ctx: typer.Context, user: Who) -> None:
    """Show which second factors someone has. Whoever lost theirs: holdfast user reset."""
    t = terminal(ctx)
    found = t.client.get(f"/users/{find_user(t, user)['id']}/factors")
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "Authenticator app": "yes" if found["totp"] else "begun" if found["totp_pending"] else "no",
            "Passkeys": found["passkeys"],
            "Recovery codes left": found["recovery_codes_left"],
            "Required": "yes" if found["required"] else "no",
        }
    )


@verb(
    app,
    "require-factor",
    "holdfast user require-factor\n"
    "holdfast user require-factor --everyone\n"
    "holdfast user require-factor --role owner --role admin\n"
    "holdfast user require-factor --off",
)
def require_factor(
    ctx: typer.Context,
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Of every account.")] = False,
    roles: Annotated[
        list[str] | None, typer.Option("--role", help="Of those with this role in the installation.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Of nobody.")] = False,
) -> None:
    """Show or say who must have a second factor. Counts at once, for open sessions too."""
    t = terminal(ctx)
    if off and (everyone or roles):
        raise Usage("--off goes with nothing else")
    if off or everyone or roles:
        found = t.client.request("PUT", "/system/second-factor", body={"everyone": everyone, "roles": roles or []})
    else:
        found = t.client.get("/system/second-factor")
    who = "everyone" if found["everyone"] else ", ".join(found["roles"]) or "nobody"
    t.answer(found, f"A second factor is required of: {output.visible(who)}.")


def state(user: dict[str, Any]) -> str:
    """One word for what the person can do."""
    if user["deleted_at"]:
        return "deleted"
    if user["disabled_at"]:
        return "disabled"
    return "active" if user["password_set"] else "no password"


def _change(t: Terminal, user: str, **changes: Any) -> Any:
    found = find_user(t, user)
    return t.client.request("PATCH", f"/users/{found['id']}", body=changes, version=found["version"])


def _open_invite(t: Terminal, email: str) -> str:
    wanted = email.strip().lower()
    for item in t.client.items("/invites", open="true"):
        if item["email"] == wanted:
            return str(item["id"])
    raise NotFound(f"there is no open invite of {output.visible(email)}", hint="list them: holdfast user invites")


def _grant(t: Terminal, given: str) -> dict[str, Any]:
    role, at, place = given.partition("@")
    project, slash, environment = place.partition("/")
    if not role or not project or not at or (slash and not environment):
        raise Usage(f"--grant takes ROLE@PROJECT or ROLE@PROJECT/ENV, not {given!r}")
    project_id = t.find("/projects", project, "project", "prj")["id"]
    made: dict[str, Any] = {"role": role, "project_id": project_id}
    if environment:
        path = f"/projects/{project_id}/environments"
        made["environment_id"] = t.find(path, environment, "environment", "env")["id"]
    return made

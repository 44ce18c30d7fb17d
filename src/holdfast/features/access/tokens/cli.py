"""`holdfast token`: short access tokens and the refresh tokens behind them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.noun import noun, verb

app = noun("token", "Access tokens: short, signed, refreshed.", "holdfast token create --email you@example.org")


@verb(app, "create", "holdfast token create --email you@example.org --name laptop")
def create(
    ctx: typer.Context,
    *,
    email: Annotated[
        str | None, typer.Option("--email", help="The account; without it the API key in use makes the tokens.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    code: Annotated[
        str | None, typer.Option("--code", help="From your app, when the account has a second factor.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the tokens are for.")] = "",
) -> None:
    """Make an access token (ten minutes) and a refresh token (works once). Both are shown this once."""
    t = terminal(ctx)
    body: dict[str, Any] = {"name": name}
    if email:
        body |= {"email": email, "password": _secret("Password", password_stdin)} | ({"code": code} if code else {})
    _show(t, t.client.post("/tokens", body))


@verb(app, "refresh", "holdfast token refresh < refresh-token")
def refresh(ctx: typer.Context) -> None:
    """Exchange a refresh token, read from standard input, for a new pair. Sent twice, it ends its whole family."""
    t = terminal(ctx)
    _show(t, t.client.post("/tokens/refresh", {"refresh_token": _secret("Refresh token", True)}))


@verb(app, "list", "holdfast token list\nholdfast token list --user usr_...")
def list_(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option("--user", help="Someone else's, by id.", metavar="ID")] = None,
) -> None:
    """List token families: never the tokens themselves."""
    t = terminal(ctx)
    t.table(
        t.client.items("/tokens", user_id=user),
        {
            "NAME": "name",
            "REFRESHED": lambda item: output.moment_text(item.get("refreshed_at")),
            "EXPIRES": lambda item: output.moment_text(item.get("expires_at")),
            "ENDED": lambda item: output.moment_text(item.get("revoked_at")),
            "WHY": "revoked_why",
            "ID": "id",
        },
        empty="No tokens. Make some: holdfast token create --email you@example.org",
    )


@verb(app, "revoke", "holdfast token revoke fam_...")
def revoke(ctx: typer.Context, family: Annotated[str, typer.Argument(help="The family's id.")]) -> None:
    """End a family: its refresh token and its access tokens stop working at once."""
    t = terminal(ctx)
    ended = t.client.delete(f"/tokens/{family}")
    t.answer(ended, f"Ended {output.visible(family)}.")


@verb(app, "rotate-keys", "holdfast token rotate-keys\nholdfast token rotate-keys --at-once")
def rotate_keys(
    ctx: typer.Context,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Trust no earlier key: every access token must be refreshed now.")
    ] = False,
) -> None:
    """Sign access tokens with a new key. Tokens signed before count until they expire, unless --at-once."""
    t = terminal(ctx)
    answer = t.client.post("/tokens/keys/rotate", {"at_once": at_once})
    current = next(key["id"] for key in answer["keys"] if key["slot"] == "current")
    t.answer(answer, f"Signing with {current} from now on.")


def _show(t: Terminal, made: dict[str, Any]) -> None:
    if t.json:
        output.say_json(made)
        return
    output.say(f"access token   {made['access_token']}")
    output.say(f"refresh token  {made['refresh_token']}")
    output.note(f"The access token counts for {made['expires_in'] // 60} minutes; the refresh token works once.")


def _secret(what: str, from_stdin: bool) -> str:
    if from_stdin and not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt(what, hide_input=True, err=True))

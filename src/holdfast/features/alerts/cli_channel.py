"""`holdfast alert channel`: where alerts go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from holdfast.features.alerts.cli import app as alert_app
from holdfast.features.alerts.cli import in_project
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb
from holdfast.terminal.times import seconds_of

app = noun(
    "channel",
    "Channels: where alerts go.",
    """
    holdfast alert channel add email on-call --smtp smtp.example.org --from hf@example.org --to ops@example.org
    holdfast alert channel add webhook hooks --url https://example.org/in
    """,
)
add = noun(
    "add", "Add a channel of some kind.", "holdfast alert channel add webhook hooks --url https://example.org/in"
)
app.add_typer(add, name="add")
alert_app.add_typer(app, name="channel")

Name = Annotated[str, typer.Argument(help="Name of the new channel.")]
Channel = Annotated[str, typer.Argument(help="Name or id.")]
Server = Annotated[bool, typer.Option("--server", help="For the whole server, every project: the operator's channel.")]
Digest = Annotated[str, typer.Option("--digest", metavar="HH:MM", help="When the daily digest leaves; off = none.")]
Zone = Annotated[str, typer.Option("--tz", help="Time zone of the digest and of the times in mails.")]
Gather = Annotated[
    int, typer.Option("--gather", min=0, max=3600, help="Seconds: what happens within them is one message.")
]
Ca = Annotated[Path | None, typer.Option("--ca", exists=True, dir_okay=False, help="PEM of an authority of your own.")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", exists=True, dir_okay=False, help="A file that holds the secret.")
]
SecretEnv = Annotated[str | None, typer.Option("--secret-env", metavar="VARIABLE", help="Where the secret is.")]
_ONCE = "The signing secret, shown this once:"


@verb(
    add,
    "email",
    """
    holdfast alert channel add email on-call --smtp smtp.example.org --user hf --secret-file password.txt \\
        --from hf@example.org --to ops@example.org --to boss@example.org --tz Europe/Zurich
    holdfast alert channel add email local --smtp 127.0.0.1 --security none --from hf@example.org --to ops@example.org
    """,
)
def add_email(
    ctx: typer.Context,
    *,
    name: Name,
    smtp: Annotated[str, typer.Option("--smtp", metavar="HOST[:PORT]", help="The mail server.")],
    sender: Annotated[str, typer.Option("--from", help="Who the mail is from.")],
    to: Annotated[list[str], typer.Option("--to", help="Who gets it; repeatable.")],
    security: Annotated[
        Literal["starttls", "tls", "none"], typer.Option("--security", help="none: to this machine only.")
    ] = "starttls",
    user: Annotated[str | None, typer.Option("--user", help="Whom to sign in as; the password is the secret.")] = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    ca: Ca = None,
    server: Server = False,
    digest: Digest = "08:00",
    tz: Zone = "UTC",
    gather: Gather = 60,
) -> None:
    """Send alerts as mail. Test it afterwards: holdfast alert channel test NAME."""
    t = terminal(ctx)
    host, port = _host(smtp)
    email = {"host": host, "port": port, "security": security, "username": user, "sender": sender, "to": to}
    email |= {"password": _secret(secret_file, secret_env), "ca": _text(ca)}
    if user and email["password"] is None:
        email["password"] = _asked(t, "Password of the mail server")
    body = _shared(t, name, server, digest, tz, gather) | {"kind": "email", "email": email}
    made = t.client.post("/alert-channels", body)
    t.answer(made, f"Added channel {output.visible(name)}. Try it: holdfast alert channel test {output.visible(name)}")


@verb(add, "webhook", "holdfast alert channel add webhook hooks --url https://example.org/in\n")
def add_webhook(
    ctx: typer.Context,
    *,
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Takes signed POSTs. Kept secret from then on.")],
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    ca: Ca = None,
    server: Server = False,
    digest: Digest = "08:00",
    tz: Zone = "UTC",
    gather: Gather = 60,
) -> None:
    """Send alerts as signed webhooks. Without a secret of yours one is made and shown this once."""
    t = terminal(ctx)
    hook = {"url": url, "secret": _secret(secret_file, secret_env), "ca": _text(ca)}
    body = _shared(t, name, server, digest, tz, gather) | {"kind": "webhook", "webhook": hook}
    made = t.client.post("/alert-channels", body)
    t.answer(made, f"Added channel {output.visible(name)}.\n{_ONCE} {made['secret']}")


@verb(app, "list", "holdfast alert channel list")
def list_(ctx: typer.Context) -> None:
    """List channels, and whether they work."""
    t = terminal(ctx)
    t.table(
        t.client.items("/alert-channels", **in_project(t)),
        {
            "NAME": "name",
            "KIND": "kind",
            "TO": _target,
            "FOR": lambda item: "one project" if item["project_id"] else "the server",
            "DIGEST": lambda item: f"{item['digest_at']} {item['tz']}" if item["digest_at"] else "off",
            "STATE": _state,
            "ID": "id",
        },
        empty="No channels yet. Add one: holdfast alert channel add --help",
    )


@verb(app, "show", "holdfast alert channel show on-call")
def show(ctx: typer.Context, channel: Channel) -> None:
    """Show a channel; never its secrets."""
    t = terminal(ctx)
    found = find(t, channel)
    if t.json:
        output.say_json(found)
        return
    trouble = found.get("trouble") or {}
    output.record(
        {
            "Channel": found["name"],
            "Id": found["id"],
            "Kind": found["kind"],
            "To": _target(found),
            "State": _state(found),
            "Digest": f"{found['digest_at']} {found['tz']}" if found["digest_at"] else "off",
            "Next digest": output.moment_text(found["next_digest_at"]),
            "Gathers": f"{found['gather_seconds']} s",
            "Trouble": trouble.get("error"),
            "Hint": trouble.get("hint"),
        }
    )


@verb(app, "test", "holdfast alert channel test on-call")
def test(ctx: typer.Context, channel: Channel) -> None:
    """Send a test now, and say what became of it; exits 1 when it did not arrive."""
    t = terminal(ctx)
    found = find(t, channel)
    sent = t.client.post(f"/alert-channels/{found['id']}/test", {})
    last = sent["log"][-1]
    if sent["state"] == "sent":
        t.answer(sent, f"Sent: {output.visible(str(last['code']))} {output.visible(last['response'])}")
        return
    t.answer(sent, f"Not sent: {output.visible(str(last['error']))}")
    if last.get("hint") and not t.json:
        output.say(f"Hint: {output.visible(str(last['hint']))}")
    raise typer.Exit(1)


@verb(app, "edit", "holdfast alert channel edit on-call --to ops@example.org --digest off\n")
def edit(
    ctx: typer.Context,
    *,
    channel: Channel,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Switch it on or off.")] = None,
    smtp: Annotated[str | None, typer.Option("--smtp", metavar="HOST[:PORT]", help="Needs the password again.")] = None,
    security: Annotated[Literal["starttls", "tls", "none"] | None, typer.Option("--security")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Whom to sign in as.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Who the mail is from.")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", help="Instead of those before; repeatable.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="Another address of a webhook.")] = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    ca: Ca = None,
    digest: Annotated[str | None, typer.Option("--digest", metavar="HH:MM", help="off = none.")] = None,
    tz: Annotated[str | None, typer.Option("--tz", help="Time zone.")] = None,
    gather: Annotated[int | None, typer.Option("--gather", min=0, max=3600, help="Seconds.")] = None,
) -> None:
    """Change a channel; what is not named stays. --secret-file gives a mail password; webhooks have `rotate`."""
    t = terminal(ctx)
    found = find(t, channel)
    host, port = _host(smtp) if smtp else (None, None)
    email = {"host": host, "port": port, "security": security, "username": user, "sender": sender, "to": to or None}
    email |= {"password": _secret(secret_file, secret_env)} | ({"ca": _text(ca)} if found["kind"] == "email" else {})
    hook = {"url": url} | ({"ca": _text(ca)} if found["kind"] == "webhook" else {})
    body: dict[str, Any] = {"name": name, "enabled": enable, "tz": tz, "gather_seconds": gather}
    body["digest_at"] = None if digest is None else "" if digest == "off" else digest
    for field, given in (("email", email), ("webhook", hook)):
        body[field] = {key: value for key, value in given.items() if value is not None} or None
    body = {key: value for key, value in body.items() if value is not None}
    if not body:
        raise Usage("nothing to change was named", hint="holdfast alert channel edit --help")
    changed = t.client.patch(f"/alert-channels/{found['id']}", body, found["version"])
    t.answer(changed, f"Changed channel {output.visible(changed['name'])}.")


@verb(app, "rotate", "holdfast alert channel rotate hooks --overlap 2d")
def rotate(
    ctx: typer.Context,
    channel: Channel,
    overlap: Annotated[str, typer.Option("--overlap", help="How long both secrets sign: 90m, 2h, 3d, 0.")] = "1d",
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
) -> None:
    """Give a webhook a new signing secret, shown this once."""
    t = terminal(ctx)
    found = find(t, channel)
    body = {"overlap_seconds": seconds_of(overlap), "secret": _secret(secret_file, secret_env)}
    made = t.client.post(f"/alert-channels/{found['id']}/secret", body)
    t.answer(made, f"{_ONCE} {made['secret']}")


@verb(app, "delete", "holdfast alert channel delete hooks --confirm hooks")
def delete(
    ctx: typer.Context,
    channel: Channel,
    confirm: Confirmed = None,
) -> None:
    """Delete a channel with its secrets and its log; what was queued for it is not sent."""
    t = terminal(ctx)
    found = find(t, channel)
    name = t.confirm(found["name"], confirm, "deletes a channel")
    t.client.delete(f"/alert-channels/{found['id']}", {"confirm": name})
    t.answer({"deleted": found["id"]}, f"Deleted channel {output.visible(name)}.")


def find(t: Terminal, name: str) -> dict[str, Any]:
    return t.find("/alert-channels", name, "channel", "chn", **in_project(t))


def _shared(t: Terminal, name: str, server: bool, digest: str, tz: str, gather: int) -> dict[str, Any]:
    project = None if server else t.project_of()["id"]
    digest_at = "" if digest == "off" else digest
    return {"project_id": project, "name": name, "digest_at": digest_at, "tz": tz, "gather_seconds": gather}


def _host(text: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[address]:port`."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], None
    if not colon or (":" in host and not host.endswith("]")):
        return text, None
    if not port.isdigit():
        raise Usage(f"{text!r} is no HOST[:PORT]", hint="such as smtp.example.org:587")
    return host.strip("[]"), int(port)


def _secret(file: Path | None, variable: str | None) -> str | None:
    import os

    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if variable is None:
        return None
    if variable not in os.environ:
        raise Usage(f"there is no variable {variable}")
    return os.environ[variable]


def _asked(t: Terminal, what: str) -> str:
    import sys

    if t.json or not sys.stdin.isatty():
        raise Usage(f"{what.lower()}: not given", hint="add --secret-file FILE or --secret-env VARIABLE")
    return str(typer.prompt(what, hide_input=True, err=True))


def _text(file: Path | None) -> str | None:
    return file.read_text(encoding="ascii", errors="replace") if file else None


def _target(channel: dict[str, Any]) -> str:
    return ", ".join(channel["email"]["to"]) if channel["email"] else str(channel["webhook"]["origin"])


def _state(channel: dict[str, Any]) -> str:
    if not channel["enabled"]:
        return "off"
    return "FAILING" if channel["trouble"] else "on"

"""`holdfast db register`, `reconnect` and `report`: databases that are not ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.kernel.errors import Conflict
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, refuse, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

Engine = Annotated[str, typer.Option("--engine", help="Engine (see holdfast engine list).")]
Url = Annotated[str | None, typer.Option("--url", help="Connection URL; - reads it from standard input.")]
Host = Annotated[str | None, typer.Option("--host", help="Host name or address.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65535)]
Database = Annotated[str | None, typer.Option("--database", help="The database's name at the server.")]
User = Annotated[str | None, typer.Option("--user", help="Login.")]
Password = Annotated[
    str | None, typer.Option("--password-file", metavar="FILE", help="Where its password is; - is standard input.")
]
Reader = Annotated[str | None, typer.Option("--reader", help="A login the server lets read only.")]
ReaderPassword = Annotated[str | None, typer.Option("--reader-password-file", metavar="FILE")]
At = Annotated[str | None, typer.Option("--path", help="A file's absolute path, below a listed root.")]
TlsOption = Annotated[str | None, typer.Option("--tls", help="disable, require, verify-ca or verify-full.")]
Ca = Annotated[Path | None, typer.Option("--tls-ca", exists=True, dir_okay=False, help="CA certificate, PEM.")]
Cert = Annotated[Path | None, typer.Option("--tls-cert", exists=True, dir_okay=False, help="Client certificate.")]
Key = Annotated[Path | None, typer.Option("--tls-key", exists=True, dir_okay=False, help="Its key, no passphrase.")]
Ssh = Annotated[str | None, typer.Option("--ssh", metavar="USER@HOST[:PORT]", help="Tunnel through this server.")]
SshKey = Annotated[Path | None, typer.Option("--ssh-key", exists=True, dir_okay=False, help="Private key.")]
SshPassword = Annotated[str | None, typer.Option("--ssh-password-file", metavar="FILE")]
SshHostKey = Annotated[str | None, typer.Option("--ssh-host-key", help="Its public key; asked for when absent.")]


def add(app: typer.Typer) -> None:
    """Hang the commands on `holdfast db`."""
    verb(
        app,
        "register",
        """
        holdfast db register legacy --engine postgresql --host db.example.org --database shop --user app
        holdfast db register legacy --engine postgresql --url - --tls-ca ca.pem < url.txt
        holdfast db register cache --engine valkey --host cache.example.org --user holdfast --reader holdfast_reader
        holdfast db register notes --engine sqlite --path /srv/notes/notes.db
        """,
    )(register)
    verb(app, "reconnect", "holdfast db reconnect legacy --host new.example.org --database shop --user app")(reconnect)
    verb(app, "report", "holdfast db report legacy\nholdfast db report legacy --last --json")(report)


def register(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="What to call it here.")],
    engine: Engine,
    url: Url = None,
    host: Host = None,
    port: Port = None,
    database: Database = None,
    user: User = None,
    password_file: Password = None,
    reader: Reader = None,
    reader_password_file: ReaderPassword = None,
    path: At = None,
    tls: TlsOption = None,
    tls_ca: Ca = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    ssh: Ssh = None,
    ssh_key: SshKey = None,
    ssh_password_file: SshPassword = None,
    ssh_host_key: SshHostKey = None,
    test: Annotated[bool, typer.Option("--test", help="Only try it; keep nothing.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once.")] = False,
) -> None:
    """Register a database on a server that is not ours, or a SQLite file. Its data stays where it is."""
    t = terminal(ctx)
    environment = t.environment_of()["id"]
    target = _target(t, environment, locals())
    body = {"environment_id": environment, "engine": engine, "target": target}
    if test:
        _tried(t, t.client.post("/databases/external/test", body))
        return
    made = t.client.post("/databases/external", {**body, "name": name})
    from holdfast.features.databases.cli import ended

    ended(t, made, no_wait, "Registered {engine} database {name}. What its login may do: holdfast db report {word}")


def reconnect(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.")],
    url: Url = None,
    host: Host = None,
    port: Port = None,
    database: Database = None,
    user: User = None,
    password_file: Password = None,
    reader: Reader = None,
    reader_password_file: ReaderPassword = None,
    path: At = None,
    tls: TlsOption = None,
    tls_ca: Ca = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    ssh: Ssh = None,
    ssh_key: SshKey = None,
    ssh_password_file: SshPassword = None,
    ssh_host_key: SshHostKey = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return the run at once.")] = False,
) -> None:
    """Change how a registered database is reached: address, login, TLS and tunnel are all given anew."""
    t = terminal(ctx)
    found = t.database(name)
    target = _target(t, found["environment_id"], locals())
    made = t.client.put(f"/databases/{found['id']}/external", target)
    from holdfast.features.databases.cli import ended

    ended(t, made, no_wait, "{name} is reached anew.")


def report(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="DATABASE", help="Name or id.")],
    last: Annotated[bool, typer.Option("--last", help="The latest look, without looking again.")] = False,
) -> None:
    """Look at a registered database: version, what its login may do, and which statements to run for more."""
    t = terminal(ctx)
    where = f"/databases/{t.database(name)['id']}/report"
    look = t.client.get(where) if last else t.client.post(where, {})
    if t.json:
        output.say_json(look)
        return
    if look["error"]:
        _reason(look["error"])
    if look["report"]:
        output.say(f"Looked at {output.moment_text(look['at'])}")
        _report(t, look["report"])
    elif not look["error"]:
        output.say("Not looked at yet: holdfast db report NAME looks now.")


def _tried(t: Terminal, answer: dict[str, Any]) -> None:
    if t.json:
        output.say_json(answer)
    elif answer["ok"]:
        _report(t, answer["report"])
    if not answer["ok"]:
        if not t.json:
            _reason(answer["error"])
        raise typer.Exit(1)


def _reason(error: dict[str, Any]) -> None:
    output.say(f"Cannot be reached: {output.visible(str(error['message']))}")
    if error.get("hint"):
        output.say(f"  {error['hint']}")


def _report(t: Terminal, found: dict[str, Any]) -> None:
    end = ";" if t.client.get(f"/engines/{found['engine']}")["capabilities"]["language"] == "sql" else ""
    output.say(f"{found['engine']} {found['version']}, login {output.visible(str(found['user']))}")
    for power in found["powers"]:
        word = power["name"].replace("_", " ")
        reason = f": {output.visible(power['reason'])}" if power["reason"] else ""
        output.say(f"  {word} {'yes' if power['ok'] else 'no'}{reason}")
        for statement in power["remedy"]:
            output.say(f"      {output.visible(statement)}{end}")
    for warning in found["warnings"]:
        output.say(f"  ! {output.visible(warning)}")


def _target(t: Terminal, environment_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """The API's form of the options; files are read, passwords asked for where somebody can answer."""
    target: dict[str, Any] = {key: given[key] for key in ("host", "port", "database", "user", "path", "tls")}
    target["url"] = sys.stdin.readline().strip() if given["url"] == "-" else given["url"]
    target["reader_user"] = given["reader"]
    server = not target["path"]
    target["password"] = _password(t, given["password_file"], "Password", ask=server and target["url"] is None)
    target["reader_password"] = _password(
        t, given["reader_password_file"], "Reader's password", ask=bool(given["reader"])
    )
    for name, option in (("ca", "tls_ca"), ("certificate", "tls_cert"), ("key", "tls_key")):
        target[name] = given[option].read_text() if given[option] else None
    target["ssh"] = _ssh(t, environment_id, given)
    return {key: value for key, value in target.items() if value is not None}


def _ssh(t: Terminal, environment_id: str, given: dict[str, Any]) -> dict[str, Any] | None:
    if given["ssh"] is None:
        return None
    user, at, place = given["ssh"].rpartition("@")
    host, _, port = place.partition(":")
    if not at or not user or not host or (port and not port.isdigit()):
        raise Usage(f"--ssh takes USER@HOST or USER@HOST:PORT, not {given['ssh']!r}")
    made: dict[str, Any] = {"host": host, "port": int(port or 22), "user": user, "host_key": given["ssh_host_key"]}
    if given["ssh_key"]:
        made["key"] = given["ssh_key"].read_text()
    else:
        made["password"] = _password(t, given["ssh_password_file"], "SSH password", ask=True)
    if made["host_key"] is None:
        made["host_key"] = _confirmed(t, environment_id, host, made["port"])
    return made


def _confirmed(t: Terminal, environment_id: str, host: str, port: int) -> str:
    """Shown once, and trusted only when a person says so."""
    where = {"environment_id": environment_id, "host": host, "port": port}
    shown = t.client.post("/databases/external/host-key", where)
    if t.json or not sys.stdin.isatty():
        raise Conflict(
            f"the host key of {host} is not confirmed: it shows {shown['fingerprint']}",
            code="ssh_host_key_unconfirmed",
            hint=f"Compare it with the server's own, then add --ssh-host-key '{shown['host_key']}'",
            details=shown,
        )
    output.say(f"{host} shows the key {shown['fingerprint']}")
    if not typer.confirm("Is that the server's own?", err=True):
        refuse("the host key was not confirmed: nothing was done")
    return str(shown["host_key"])


def _password(t: Terminal, file: str | None, what: str, *, ask: bool) -> str | None:
    """From a file, from standard input, or from a prompt: never from the command line, where others see it."""
    if file == "-":
        return sys.stdin.readline().rstrip("\n")
    if file is not None:
        try:
            return Path(file).read_text().rstrip("\n")
        except OSError as error:
            raise Usage(f"{file} cannot be read: {error.strerror}") from error
    if ask and not t.json and sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, default="", show_default=False, err=True))
    return None

"""What verbs do with a worker that was found: the same for `holdfast worker ...` and for those at the top level."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from holdfast.terminal import output
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import Usage

Message = Annotated[str, typer.Option("--message", "-m", help="Why.")]
Method = Annotated[str, typer.Option("--method", "-X", help="GET, POST ...")]
Headers = Annotated[list[str] | None, typer.Option("--header", "-H", metavar="NAME:VALUE", help="Repeatable.")]
Body = Annotated[str, typer.Option("--body", "-d", help="What to send; - reads standard input.")]
Path = Annotated[str, typer.Argument(help="With its query.")]
Against = Annotated[str | None, typer.Option("--against", metavar="VERSION", help="Without: the one before.")]
VersionName = Annotated[str, typer.Argument(metavar="VERSION", help="Number, tag or id.", show_default=False)]
Of = Annotated[str | None, typer.Option("--name", metavar="WORKER", help="Without: the worker in this folder.")]
Section = Annotated[str | None, typer.Option("--wrangler-env", metavar="NAME", help="`env.NAME` of the wrangler file.")]


def find_version(t: Terminal, worker: dict[str, Any], named: str) -> dict[str, Any]:
    """By number, tag or id. Raises Usage."""
    for each in t.client.items(f"/workers/{worker['id']}/versions"):
        if named in (each["id"], each["tag"], str(each["number"])):
            return each
    raise Usage(f"there is no version {named!r}", hint=f"list them: holdfast worker versions {worker['name']}")


def deployed_text(worker: dict[str, Any], made: dict[str, Any]) -> str:
    shares = ", ".join(f"version {each['number']} ({each['weight']} %)" for each in made["versions"])
    return f"Deployed {output.visible(worker['name'])}: {shares}."


def list_versions(t: Terminal, found: dict[str, Any]) -> None:
    deployed = next(iter(t.client.items(f"/workers/{found['id']}/deployments", limit=1)), None)
    live = {each["version_id"]: each["weight"] for each in deployed["versions"]} if deployed else {}
    t.table(
        t.client.items(f"/workers/{found['id']}/versions"),
        {
            "VERSION": "number",
            "TAG": "tag",
            "STATE": "state",
            "TAKES": lambda item: f"{live[item['id']]} %" if item["id"] in live else None,
            "UPLOADED": lambda item: output.moment_text(item["created_at"]),
            "BY": "created_by",
            "MESSAGE": "message",
            "ID": "id",
        },
        empty="No versions yet. Upload one: holdfast deploy",
        right=("VERSION", "TAKES"),
    )


def view_version(t: Terminal, found: dict[str, Any], version: str) -> None:
    """With its files and what its project file says."""
    whole = t.client.get(f"/worker-versions/{find_version(t, found, version)['id']}")
    if t.json:
        output.say_json(whole)
        return
    config = whole["config"]
    named = [f"{each['binding']} ({kind})" for kind, each in _bound(config)]
    output.record(
        {
            "Worker": found["name"],
            "Version": str(whole["number"]),
            "Id": whole["id"],
            "Tag": whole["tag"] or "-",
            "State": whole["state"],
            "Uploaded": f"{output.moment_text(whole['created_at'])} by {whole['created_by']}",
            "Message": whole["message"] or "-",
            "Main": whole["main"],
            "Bindings": ", ".join(named) or "none",
            "Variables": ", ".join(sorted(config.get("vars") or {})) or "none",
            "Crons": ", ".join(config.get("crons") or ()) or "none",
            "Size": output.size_text(whole["size"]),
        }
    )
    for each in whole["files"]:
        output.say(f"  {output.visible(each['path'])}  {output.size_text(each['size'])}")


def _bound(config: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    kinds = {"kv_namespaces": "KV", "d1_databases": "D1", "services": "service"}
    found = [(kind, each) for key, kind in kinds.items() for each in config.get(key) or ()]
    return found + [("rate limit", {"binding": each["name"]}) for each in config.get("ratelimits") or ()]


def show_diff(t: Terminal, found: dict[str, Any], version: str, against: str | None) -> None:
    query = {"against": find_version(t, found, against)["id"]} if against else {}
    said = t.client.get(f"/worker-versions/{find_version(t, found, version)['id']}/diff", **query)
    if t.json:
        output.say_json(said)
        return
    for each in said["files"]:
        output.say(f"{each['change']} {output.visible(each['path'])}")
        for line in each["lines"] or ():
            output.say(output.visible(line))
    for name, change in said["config"].items():
        output.say(f"config {name}: {json.dumps(change['before'])} -> {json.dumps(change['after'])}")
    if not said["files"] and not said["config"]:
        output.say("Nothing differs.")


def tag_version(t: Terminal, found: dict[str, Any], version: str, tag: str | None) -> None:
    """None takes the tag away."""
    made = t.client.patch(f"/worker-versions/{find_version(t, found, version)['id']}", {"tag": tag})
    name = output.visible(found["name"])
    t.answer(made, f"Version {made['number']} of {name} {f'is {tag}' if tag else 'has no tag'} now.")


def roll_back(t: Terminal, found: dict[str, Any], to: str | None, message: str) -> None:
    body: dict[str, Any] = {"message": message}
    if to is not None:
        body["version_id"] = find_version(t, found, to)["id"]
    made = t.client.post(f"/workers/{found['id']}/rollback", body)
    t.answer(made, deployed_text(found, made))


def call(
    t: Terminal,
    found: dict[str, Any],
    path: str,
    method: str,
    headers: list[str] | None,
    body: str,
    version: str | None,
) -> None:
    """The status goes to stderr, so that a pipe carries the body alone."""
    pairs = [each.partition(":") for each in headers or ()]
    if any(not colon for _, colon, _ in pairs):
        raise Usage("--header takes NAME:VALUE")
    given: dict[str, Any] = {"method": method.upper(), "path": path, "body": sys.stdin.read() if body == "-" else body}
    given["headers"] = [(name.strip(), value.strip()) for name, _, value in pairs]
    if version:
        given["version_id"] = find_version(t, found, version)["id"]
    answer = t.client.post(f"/workers/{found['id']}/invoke", given)
    if t.json:
        output.say_json(answer)
        return
    output.note(f"{answer['status']} in {answer['milliseconds']} ms")
    output.say(answer["body"] if not sys.stdout.isatty() else output.visible(answer["body"]))
    if answer["truncated"]:
        output.note("The answer is longer; the rest is left out.")


def put_secret(t: Terminal, found: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    made: dict[str, Any] = t.client.put(f"/workers/{found['id']}/secrets/{quote(name, safe='')}", {"value": value})
    return made


def secret_value(t: Terminal, stdin: bool) -> str:
    """From a pipe or a prompt, never from the command line."""
    if stdin:
        try:
            return sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise Usage("the value is no UTF-8 text", hint="encode it first: base64 FILE") from None
    if t.json or not sys.stdin.isatty():
        raise Usage("where is the value?", hint="add --stdin and pipe it in")
    return str(typer.prompt("Value", hide_input=True, confirmation_prompt="Again", err=True))


def list_secrets(t: Terminal, found: dict[str, Any]) -> None:
    t.table(
        t.client.get(f"/workers/{found['id']}/secrets"),
        {
            "NAME": "name",
            "VERSION": "version",
            "CHANGED": lambda item: output.moment_text(item["updated_at"]),
            "BY": "updated_by",
        },
        empty="No secrets of its own. Store one: holdfast secret put NAME",
        right=("VERSION",),
    )


def delete_secret(t: Terminal, found: dict[str, Any], name: str, confirm: str | None) -> None:
    t.confirm(name, confirm, "destroys a secret for good")
    forget_secret(t, found, name)
    t.answer({"deleted": name}, f"Destroyed {name}.")


def forget_secret(t: Terminal, found: dict[str, Any], name: str) -> None:
    t.client.delete(f"/workers/{found['id']}/secrets/{quote(name, safe='')}")

"""`holdfast repo`: where snapshots live."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.terminal import output
from holdfast.terminal.context import terminal
from holdfast.terminal.noun import noun, verb

app = noun(
    "repo",
    "Repositories: where snapshots live.",
    "holdfast repo list\nholdfast repo show default\nholdfast repo check default",
)
Name = Annotated[
    str, typer.Argument(metavar="REPOSITORY", help="Name or id; `default` is the default one.", show_default=False)
]


@verb(app, "list", "holdfast repo list")
def list_(ctx: typer.Context) -> None:
    """List repositories."""
    t = terminal(ctx)
    t.table(
        t.client.items("/repositories", project_id=t.scope().get("project_id")),
        {
            "NAME": "name",
            "KIND": "kind",
            "FORMAT": "format",
            "DEFAULT": lambda item: "yes" if item["is_default"] else None,
            "STATE": lambda item: "no answer" if item.get("trouble") else item["state"],
            "CHECKED": _checked,
            "ID": "id",
            "WHERE": "path",
        },
        empty="No repositories yet. The first snapshot makes one: holdfast snapshot create shop",
    )


@verb(app, "show", "holdfast repo show default")
def show(ctx: typer.Context, repository: Name) -> None:
    """Show where a repository lies, what it takes, and whether its store answers."""
    t = terminal(ctx)
    found = dict(t.client.get(f"/repositories/{t.repository(repository)['id']}"))
    t.answer(found, "\n".join(f"{label:<12} {output.visible(str(value))}" for label, value in _facts(found).items()))


@verb(app, "key", "holdfast repo key default > recovery-kit.txt")
def key(ctx: typer.Context, repository: Name) -> None:
    """Reveal a repository's password, for stock restic and the recovery kit. Every reveal is audited."""
    t = terminal(ctx)
    found = t.repository(repository)
    answer = t.client.post(f"/repositories/{found['id']}/key", {})
    if t.json:
        output.say_json(answer)
        return
    output.say(str(answer["password"]))
    for older in answer["older"]:
        output.say(str(older))
    if found["format"] != "restic":
        output.note("The first opens new files, others those of before a rotation. Each file's RESTORE.md says how.")
        output.note("Keep them somewhere else than on this machine: what is encrypted cannot be read without.")
        return
    output.note(f"With stock restic: restic -r {answer['path']} --password-file FILE snapshots")
    if answer["variables"]:
        output.note(f"It also needs a key to the bucket, yours, in {' and '.join(answer['variables'])}.")
    output.note("Keep this password somewhere else than on this machine: without it no backup can be read.")


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "name": found["name"],
        "id": found["id"],
        "kind": found["kind"],
        "format": _format(found),
        "where": found["path"],
        "state": found["state"],
        "default": "yes" if found["is_default"] else "no",
        "only for": found["environment_id"],
        "takes": output.size_text(found["bytes"]) if found["bytes"] is not None else None,
        "restic id": found["restic_id"],
        "checked": _checked(found),
    }
    if test := found.get("last_test"):
        facts["tested"] = f"{output.moment_text(test['at'])}: {_tested(test['findings'])}"
    if gc := found.get("last_gc"):
        facts["collected"] = (
            f"{output.moment_text(gc['at'])}: {gc['state']}, {output.size_text(gc['freed_bytes'])} freed"
        )
    if trouble := found.get("trouble"):
        facts["trouble"] = f"since {output.moment_text(trouble['since'])}: {trouble['message']}"
        facts["hint"] = trouble.get("hint")
    if breaker := found.get("breaker"):
        facts["breaker"] = f"{breaker['state']}, {breaker['failures']} failures in a row"
    return {label: value for label, value in facts.items() if value is not None}


def _format(found: dict[str, Any]) -> str:
    files = found.get("files")
    if not files:
        return str(found["format"])
    level = f" {files['level']}" if files["level"] else ""
    sealed = "not encrypted" if files["encryption"] == "none" else f"encrypted with {files['encryption']}"
    key = f" and the key {files['key']['name']}" if files.get("key") else ""
    return f"{found['format']}: {files['form']}, {files['compression']}{level}, {sealed}{key}; {files['template']}"


def _tested(findings: list[dict[str, Any]]) -> str:
    """What stood out, by how bad it is; `repo test` says it at length."""
    words = {"missing": "MISSING", "danger": "DANGER", "excess": "too much"}
    said = []
    for result, word in words.items():
        if names := [each["check"] for each in findings if each["result"] == result]:
            said.append(f"{word}: {', '.join(names)}")
    return "; ".join(said) or "nothing missing, nothing too much"


def _checked(repository: dict[str, Any]) -> str | None:
    last = repository.get("last_check")
    if not last:
        return None
    return f"{output.moment_text(last.get('at'))}{'' if last.get('ok', True) else ' FAILED'}"

"""The command line's words for plans: times such as 10m, rules such as daily=7, and how a plan reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.features.backups import cli_options
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.context import Terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.times import seconds_of, spoken


def body_of(t: Terminal, given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The request's fields out of the options that were given."""
    body: dict[str, Any] = {}
    if given["db"] or given["label"] or given["all_"]:
        body["selection"] = _selection(given)
    elif before is None:
        raise Usage("a plan covers something", hint="say --db NAME, --label key=value, or --all")
    if given["repo"]:
        body["repository_ids"] = [t.repository(name)["id"] for name in given["repo"]]
    if given["environment"]:
        body["environment_ids"] = [t.environment_of(name)["id"] for name in given["environment"]]
    if schedules := _schedules(given, before):
        body["schedules"] = schedules
    if given["keep"]:
        body["retention"] = _rules(given["keep"])
    said = ("compression", "file_level", "encryption", "recipient", "file_key")
    files = cli_options.file_words(*(given[name] for name in said))
    files |= {name: given[name] for name in ("level", "bandwidth", "workers", "verify_within")}
    options = {name: value for name, value in files.items() if value is not None}
    if options:
        body["options"] = {**(before["options"] if before else {}), **options}
    for name, field in (("verify", "verify_level"), ("at_once", "concurrency"), ("per_node", "per_node")):
        if given[name] is not None:
            body[field] = given[name]
    for name, field in (("deadline", "deadline_seconds"), ("max_gap", "max_gap_seconds")):
        if given[name]:
            body[field] = seconds_of(given[name])
    return body if given["description"] is None else {**body, "description": given["description"]}


def _selection(given: Mapping[str, Any]) -> dict[str, Any]:
    named = given["db"] or []
    return {
        "all": given["all_"],
        "resources": [name for name in named if is_id(name, "db")],
        "names": [name for name in named if not is_id(name, "db")],
        "labels": given["label"] or [],
    }


def _schedules(given: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Those given, or those there are, with what was said about all of them."""
    more: dict[str, Any] = {name: given[name] for name in ("tz", "missed") if given[name]}
    for name, field in (("jitter", "jitter_seconds"), ("late", "late_seconds")):
        if given[name]:
            more[field] = seconds_of(given[name])
    made = [{**_preset(each), **more} for each in given["every"] or []]
    made += [{"cron": each, **more} for each in given["cron"] or []]
    if made:
        return made
    if more and before is None:
        raise Usage("--tz, --jitter, --missed and --late are about schedules", hint="add --every or --cron")
    return [{**each, **more} for each in before["schedules"]] if more and before else []


def _rules(text: str) -> dict[str, Any] | None:
    """`daily=7,weekly=4`: the others are off. `all`: no retention."""
    if text == "all":
        return None
    rules: dict[str, Any] = dict.fromkeys(("daily", "weekly", "monthly"), None)
    for piece in text.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals or not value.isdigit():
            raise Usage(f"--keep takes rules such as daily=7,weekly=4, not {piece!r}")
        rules[name] = int(value)
    return rules


def _preset(text: str) -> dict[str, Any]:
    """`weekly`, or `weekly=full`: its turns read everything again."""
    name, mark, mode = text.partition("=")
    return {"preset": name, **({"mode": mode} if mark else {})}


def schedules_text(plan: Mapping[str, Any]) -> str:
    return ", ".join(map(_schedule_text, plan["schedules"])) or "by hand"


def _schedule_text(each: Mapping[str, Any]) -> str:
    full = ", full" if each.get("mode") == "full" else ""
    if each["name"] == each["cron"]:
        return f"{each['cron']} {each['tz']}{full}"
    zone = f" ({each['tz']})" if each["tz"] != "UTC" else ""
    return f"{each['name']}{zone}{full}"


def next_text(plan: Mapping[str, Any]) -> str:
    return output.moment_text(plan["next_at"]) if plan["next_at"] else "-"


def record_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """How a plan reads."""
    return {
        "Name": plan["name"],
        "Id": plan["id"],
        "State": "on" if plan["enabled"] else "off",
        "Covers": _covers(plan["selection"]),
        "Environments": ", ".join(plan["environment_ids"]) or "all",
        "Repositories": ", ".join(plan["repository_ids"]) or "default",
        "Schedules": schedules_text(plan),
        "Next": next_text(plan),
        "Keeps": _keeps(plan["retention"]),
        "Verified to": f"L{plan['verify_level']}" if plan["verify_level"] else "L1, the first to L3",
        "At once": f"{plan['concurrency']}" + (f", {plan['per_node']} on a node" if plan["per_node"] else ""),
        "Deadline": spoken(plan["deadline_seconds"]) if plan["deadline_seconds"] else "none",
        "Options": cli_options.told(plan["options"]),
        "Made": f"{output.moment_text(plan['created_at'])}, by {plan['created_by']}",
    }


def _covers(selection: Mapping[str, Any]) -> str:
    if selection["all"]:
        return "every database"
    return ", ".join([*selection["names"], *selection["resources"], " and ".join(selection["labels"])]).strip(", ")


def _keeps(retention: Mapping[str, Any] | None) -> str:
    if retention is None:
        return "everything"
    return ", ".join(f"{name} {value}" for name, value in retention.items() if value)

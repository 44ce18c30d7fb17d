"""`holdfast repo colder`, `move-colder`, `prices`, `savings`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.terminal import output
from holdfast.terminal.context import key_values, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]
Days = Annotated[int | None, typer.Option("--after", min=1, metavar="DAYS", help="What only older snapshots need.")]
Class = Annotated[str | None, typer.Option("--class", metavar="CLASS", help="GLACIER_IR, STANDARD_IA, GLACIER, ...")]
OldVersions = Annotated[
    int | None, typer.Option("--old-versions", min=1, metavar="DAYS", help="By store: when deleted versions end.")
]
Parts = Annotated[
    int | None, typer.Option("--parts", min=1, metavar="DAYS", help="By store: when unfinished uploads are removed.")
]


@verb(
    app,
    "colder",
    """
    holdfast repo colder offsite
    holdfast repo colder offsite --after 90 --class GLACIER_IR
    holdfast repo colder files --after 30 --class DEEP_ARCHIVE --by store --old-versions 30 --parts 7
    holdfast repo colder offsite --off
    """,
)
def colder(
    ctx: typer.Context,
    *,
    repository: Name,
    after: Days = None,
    storage_class: Class = None,
    by: Annotated[
        Literal["holdfast", "store"] | None,
        typer.Option("--by", help="Copied in place by a run each day, or by the store's own lifecycle rule."),
    ] = None,
    old_versions: OldVersions = None,
    parts: Parts = None,
    off: Annotated[bool, typer.Option("--off", help="Nothing goes to a colder class any more.")] = False,
) -> None:
    """Show or say what goes to a colder storage class. Nothing moves now: `repo move-colder` shows what would."""
    t = terminal(ctx)
    said = [after, storage_class, by, old_versions, parts]
    if off and any(each is not None for each in said):
        raise Usage("--off goes with nothing else")
    if not off and any(each is not None for each in said) and (after is None or storage_class is None):
        raise Usage("a rule has an age and a class", hint="say --after DAYS --class CLASS")
    path = f"/repositories/{t.repository(repository)['id']}/colder"
    if not off and after is None:
        found = t.client.get(path)
    else:
        rule = {"after_days": after, "storage_class": storage_class, "by": by or "holdfast"}
        rule |= {"old_versions_days": old_versions, "parts_days": parts}
        found = t.client.put(path, {"rule": None if off else rule})
    t.answer(found, _rule(found))


@verb(
    app,
    "move-colder",
    """
    holdfast repo move-colder offsite
    holdfast repo move-colder offsite --apply
    holdfast repo move-colder offsite --back --apply
    """,
)
def move(
    ctx: typer.Context,
    *,
    repository: Name,
    really: Annotated[bool, typer.Option("--apply", help="Move it; without it only shown.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Everything to the first class again.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Count what lies in which class, and show what the rule would move: a dry run. By itself it moves every day."""
    t = terminal(ctx)
    found = t.repository(repository)
    made = t.client.post(f"/repositories/{found['id']}/colder/moves", {"dry_run": not really, "back": back})
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return
    run = t.follow(made["run"])
    t.answer(run, _moved(run.get("result") or {}))


@verb(
    app,
    "prices",
    """
    holdfast repo prices offsite --currency USD STANDARD=0.023 GLACIER_IR=0.004
    holdfast repo prices offsite --forget
    """,
)
def prices(
    ctx: typer.Context,
    *,
    repository: Name,
    given: Annotated[
        list[str] | None, typer.Argument(metavar="CLASS=PRICE...", help="For a GB and month; a disk's class is disk.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="As it is to be shown.")] = "USD",
    forget: Annotated[bool, typer.Option("--forget", help="No prices any more.")] = False,
) -> None:
    """Say what a GB costs in a month, by class, so that `repo savings` shows money. Holdfast knows no prices itself."""
    t = terminal(ctx)
    if bool(given) == forget:
        raise Usage("which prices?", hint="say STANDARD=0.023 GLACIER_IR=0.004, or --forget")
    try:
        table = {name: float(text) for name, text in key_values(given or [], "CLASS=PRICE").items()}
    except (TypeError, ValueError):
        raise Usage("a price is a number", hint="STANDARD=0.023") from None
    body = {"prices": None if forget else {"currency": currency, "per_gb_month": table}}
    found = t.client.put(f"/repositories/{t.repository(repository)['id']}/prices", body)
    t.answer(
        found,
        "No prices any more."
        if forget
        else f"{output.counted(len(table), 'price')} set. Now: holdfast repo savings {repository}",
    )


@verb(app, "savings", "holdfast repo savings\nholdfast repo savings offsite")
def savings(
    ctx: typer.Context,
    repository: Annotated[str | None, typer.Argument(help="Only this one, with its classes.")] = None,
) -> None:
    """Show what sharing, packing, retention and colder classes spare; money where `repo prices` were given."""
    t = terminal(ctx)
    if repository:
        found = t.client.get(f"/repositories/{t.repository(repository)['id']}/savings")
        t.answer(found, "\n".join(_lines(found)))
        return
    scope = {"project_id": t.project_of()["id"]}
    page = t.client.get("/savings", limit=200, **scope)
    items, total = list(page["items"]), page["total"]
    while cursor := page["next_cursor"]:
        page = t.client.get("/savings", limit=200, cursor=cursor, **scope)
        items += page["items"]
    if t.json:
        output.say_json({"items": items, "total": total})
        return
    columns = {
        "REPOSITORY": "name",
        "SNAPSHOTS": "snapshots",
        "DATABASES": lambda item: output.size_text(item["logical_bytes"]),
        "STORED": lambda item: output.size_text(item["stored_bytes"]),
        "SPARED": lambda item: output.size_text(item["saved_bytes"]),
        "COLDER": lambda item: output.size_text(item["colder_bytes"]),
        "FREED 30D": lambda item: output.size_text(item["deleted_30d_bytes"]),
        "A MONTH": lambda item: _money(item["cost"], item["currency"]),
    }
    right = ("SNAPSHOTS", "DATABASES", "STORED", "SPARED", "COLDER", "FREED 30D", "A MONTH")
    t.table(items, columns, empty="No repository of snapshots yet.", right=right)
    if items:
        spared = output.size_text(total["saved_bytes"])
        output.note(f"{spared} of {output.size_text(total['logical_bytes'])} are spared in all.{_sums(total)}")


def _rule(found: dict[str, Any]) -> str:
    rule = found["rule"]
    if rule is None:
        usable = ", ".join(found["classes"][1:])
        return f"Nothing goes to a colder class. It could be: {usable or 'its place has one class only'}."
    who = "Holdfast moves it, once a day" if rule["by"] == "holdfast" else "a lifecycle rule of the store moves it"
    text = f"What only snapshots older than {rule['after_days']} days need goes to {rule['storage_class']}: {who}."
    if rule["old_versions_days"]:
        text += f" Deleted versions end after {rule['old_versions_days']} days."
    if rule["parts_days"]:
        text += f" Unfinished uploads end after {rule['parts_days']} days."
    return text


def _moved(result: dict[str, Any]) -> str:
    lines = [
        f"{name:<20} {each['pieces']:>8,} pieces  {output.size_text(each['bytes']):>10}"
        for name, each in result.get("classes", {}).items()
    ]
    for each in result.get("moves", []):
        whose = f" ({output.visible(str(each['database']))} {each['snapshot_id']})" if each["snapshot_id"] else ""
        lines.append(f"{output.visible(each['piece'])}{whose}: {each['from']} to {each['to']}, {each['reason']}")
    verb_ = "would move" if result.get("dry_run") else "moved"
    lines.append(
        f"{output.counted(result.get('pieces', 0), 'piece')} {verb_}, {output.size_text(result.get('bytes'))}."
    )
    if result.get("waiting"):
        lines.append(f"{result['waiting']:,} lie in an archive: ask for them first, holdfast snapshot thaw SNAPSHOT.")
    if (held := result.get("store_rules")) is not None:
        said = {"held": "as written", "missing": "MISSING: set the rule again", "hidden": "not shown to this key"}
        lines.append(f"The store's own rules are {said.get(str(held), str(held))}.")
    if result.get("dry_run") and result.get("pieces"):
        lines.append("A dry run: nothing was moved. Add --apply to move it.")
    return "\n".join(lines)


def _lines(found: dict[str, Any]) -> list[str]:
    size, currency = output.size_text, found["currency"]
    lines = [
        f"{output.counted(found['snapshots'], 'snapshot')} of {size(found['logical_bytes'])} in "
        f"{size(found['stored_bytes'])}: "
        f"{size(found['saved_bytes'])} spared by sharing and packing",
        f"freed in 30 days: {output.counted(found['deleted_30d'], 'snapshot')} "
        f"that had added {size(found['deleted_30d_bytes'])}; "
        f"collections gave back {size(found['collected_30d_bytes'])}",
    ]
    for each in found["classes"]:
        pieces = output.counted(each["pieces"], "piece") if each["pieces"] is not None else "not counted yet"
        cost = f"  {_money(each['cost'], currency)} a month" if each["cost"] is not None else ""
        lines.append(f"{each['name']:<20} {size(each['bytes']):>10}  {pieces}{cost}")
    if found["cost"] is not None:
        spared = f"{_money(found['colder_saves'], currency)} less by colder classes"
        packed = f"{_money(found['packing_saves'], currency)} less by sharing and packing"
        lines.append(f"{_money(found['cost'], currency)} a month; {spared}, {packed}")
    if found["counted_at"]:
        lines.append(f"counted {output.moment_text(found['counted_at'])}")
    return lines


def _sums(total: dict[str, Any]) -> str:
    said = (f"{_money(each['cost'], each['currency'])} a month" for each in total["money"])
    return "".join(f" {each}." for each in said)


def _money(amount: float | None, currency: str | None) -> str:
    return "" if amount is None else f"{amount:,.2f} {output.visible(str(currency))}"

"""`holdfast repo check`, `checks`, `usage`, `repair`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.backups.cli_repo import Name, app
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import verb

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]


@verb(
    app,
    "check",
    """
    holdfast repo check default
    holdfast repo check default --read-data
    holdfast repo check default --subset 1/7
    holdfast repo check default --within 30d
    """,
)
def check(
    ctx: typer.Context,
    *,
    repository: Name,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read and hash every byte, not only the structure.")
    ] = False,
    subset: Annotated[
        str | None, typer.Option("--subset", metavar="PART", help="Read a part: 1/7, or 10% picked by chance.")
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            "--within", metavar="DAYS", help="Read the longest unproven, so that all is read again within 30d."
        ),
    ] = None,
    no_wait: NoWait = False,
) -> None:
    """Check a repository's structure and, as asked, its data; exits 1 when anything is wrong."""
    if sum(map(bool, (read_data, subset, within))) > 1:
        raise Usage("read everything or a part, not both", hint="give one of --read-data, --subset, --within")
    wish = {"read_data": read_data, "subset": subset, "within": within}
    t = terminal(ctx)
    found = t.repository(repository)
    run = _done(t, found, "check", {name: value for name, value in wish.items() if value is not None}, no_wait)
    if run is not None:
        t.answer(run, f"{output.visible(str(found['name']))} is sound: {_checked(run.get('result') or {})}")


@verb(app, "checks", "holdfast repo checks default")
def checks(ctx: typer.Context, repository: Name) -> None:
    """List a repository's checks: what was read, how long it took, what was found."""
    t = terminal(ctx)
    t.table(
        t.client.items(f"/repositories/{t.repository(repository)['id']}/checks"),
        {
            "AT": lambda item: output.moment_text(item["at"]),
            "METHOD": "method",
            "RESULT": lambda item: "sound" if item["ok"] else f"{item['errors_total']} errors",
            "PACKS READ": lambda item: f"{item['packs_read']:,} of {item['packs']:,}",
            "READ": lambda item: output.size_text(item["bytes"]),
            "SECONDS": lambda item: f"{item['seconds']:.1f}",
            "RUN": "run_id",
        },
        empty="Never checked. Check it with: holdfast repo check default --within 30d",
    )


@verb(app, "usage", "holdfast repo usage default")
def usage(ctx: typer.Context, repository: Name, no_wait: NoWait = False) -> None:
    """Show what a repository takes, for which databases, and what a garbage collection could free."""
    t = terminal(ctx)
    run = _done(t, t.repository(repository), "usage", {}, no_wait)
    if run is not None:
        t.answer(run, "\n".join(_usage(run.get("result") or {})))


@verb(
    app,
    "repair",
    """
    holdfast repo repair default
    holdfast repo repair default --read-data
    holdfast repo repair default --index
    """,
)
def repair(
    ctx: typer.Context,
    *,
    repository: Name,
    read_data: Annotated[bool, typer.Option("--read-data", help="Read every byte for the report.")] = False,
    index: Annotated[
        bool, typer.Option("--index", help="Make the index again from the packs; nobody may work with it meanwhile.")
    ] = False,
    no_wait: NoWait = False,
) -> None:
    """Say which snapshots damage reaches (exits 1 when there is any), or repair the index. Data is never deleted."""
    if index and read_data:
        raise Usage("--read-data is for the report", hint="leave it out with --index")
    t = terminal(ctx)
    found = t.repository(repository)
    run = _done(t, found, "repair", {"act": "index" if index else "report", "read_data": read_data}, no_wait)
    if run is None:
        return
    result = run.get("result") or {}
    t.answer(run, "\n".join(_repaired(result) if index else _report(result)))
    if not index and not result.get("sound"):
        raise typer.Exit(1)


def _done(t: Terminal, found: dict[str, Any], act: str, body: dict[str, Any], no_wait: bool) -> dict[str, Any] | None:
    """The run when it has ended; None when nobody waits for it."""
    made = t.client.post(f"/repositories/{found['id']}/{act}", body)
    if no_wait:
        t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")
        return None
    return t.follow(made["run"])


def _checked(result: dict[str, Any]) -> str:
    """What a check looked at, in words."""
    counted = f"{result.get('packs', 0):,} packs, {result.get('blobs', 0):,} blobs"
    if result.get("method") == "structure":
        return f"{counted}; structure only, with --read-data every byte"
    read = f"{output.size_text(result.get('bytes'))} read and hashed"
    if archived := result.get("packs_archived"):
        read += f"; {archived:,} skipped: they lie in an archive"
    if result.get("read_data"):
        return f"{counted}, {read}"
    return f"{counted}; {result.get('method')}: {result.get('packs_read', 0):,} packs, {read}"


def _usage(result: dict[str, Any]) -> list[str]:
    lines = [f"{'all':<14} {output.size_text(result['bytes']):>10}"]
    for name, kind in result["kinds"].items():
        lines.append(f"  {name:<12} {output.size_text(kind['bytes']):>10}  {output.counted(kind['files'], 'file')}")
    lines.append(f"{'needed':<14} {output.size_text(result['referenced_bytes']):>10}")
    for owner in result["resources"]:
        name = output.visible(str(owner["resource_name"] or owner["resource_id"] or "not of Holdfast"))
        lines.append(
            f"  {name:<12} {output.size_text(owner['bytes']):>10}  {output.counted(owner['snapshots'], 'snapshot')}"
        )
    lines.append(f"{'not needed':<14} {output.size_text(result['unreferenced_bytes']):>10}")
    if result["unreadable"]:
        several = output.counted(len(result["unreadable"]), "snapshot")
        lines.append(f"{several} cannot be read: what is needed for that counts as not needed.")
    return lines


def _report(result: dict[str, Any]) -> list[str]:
    looked = "all data read" if result["read_data"] else "structure only, with --read-data every byte"
    if result["sound"]:
        return [f"No damage: {result['snapshots_total']:,} snapshots are whole ({looked})."]
    lines = [
        f"{len(result['index_errors'])} index files damaged, {result['packs_missing_total']:,} packs missing, "
        f"{result['packs_damaged_total']:,} damaged, {result['packs_unindexed_total']:,} in no index; "
        f"{result['blobs_lost']:,} blobs lost ({looked})",
        f"{result['snapshots_affected']:,} of {result['snapshots_total']:,} snapshots are affected:",
    ]
    for one in result["snapshots"]:
        name = output.visible(str(one["resource_name"] or "not of Holdfast"))
        lines.append(f"  {one['snapshot_id'] or one['restic_id'][:12]}  {name}  {output.moment_text(one['time'])}")
        if one["error"]:
            lines.append(f"    {output.visible(one['error'])}")
        for entry in one["entries"][:5]:
            parts = f"{entry['lost']:,} of {entry['blobs']:,} parts" if entry["blobs"] is not None else "its list"
            lines.append(f"    {output.visible(entry['path'])}: {parts} lost")
        if one["entries_total"] > 5:
            lines.append(f"    and {one['entries_total'] - 5:,} more entries")
    lines.append("Do not prune. When packs are in no index, --index brings them back; new snapshots heal the rest.")
    return lines


def _repaired(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{result['packs_added']:,} packs found again, {result['packs_dropped']:,} that are gone or broken dropped",
        f"{result['index_removed']:,} index files replaced by {result['index_written']:,}",
    ]
    if result["unreadable"]:
        lines.append(f"{len(result['unreadable']):,} packs cannot be read; they are left where they are.")
    return [*lines, "Now: holdfast repo repair default --read-data says what is still affected."]

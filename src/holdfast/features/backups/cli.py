"""`holdfast snapshot` (also `backup`): back up, look inside, restore."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.features.backups import cli_options
from holdfast.features.backups.cli_many import many
from holdfast.terminal import output
from holdfast.terminal.context import Terminal, terminal
from holdfast.terminal.failure import Usage
from holdfast.terminal.noun import Confirmed, noun, verb
from holdfast.terminal.snapshots import owner_of, snapshot_of

PROOF = "How far to prove it: L1 read and hashed, L2 readable by its tools, L3 restored and compared."


def proof_level(text: Any) -> int:
    """3 or L3. Raises BadParameter, which the command line turns into wrong usage."""
    word = str(text).removeprefix("L").removeprefix("l")
    if word not in ("1", "2", "3"):
        raise typer.BadParameter(f"{text!r} is no level: 1, 2, 3 or L1, L2, L3")
    return int(word)


app = noun(
    "snapshot",
    "Snapshots: back up, look inside, restore.",
    """
    holdfast snapshot create shop
    holdfast snapshot restore latest:shop --as shop-copy
    """,
)
Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Id, or latest:DATABASE.", show_default=False)]
Level = Annotated[
    int | None,
    typer.Option(
        "--level",
        "--verify",
        parser=proof_level,
        metavar="1..3",
        help=PROOF,
    ),
]
Proof = Annotated[int | None, typer.Option("--verify", parser=proof_level, metavar="1..3", help=PROOF)]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return the run at once instead of watching it.")]


@verb(
    app,
    "create",
    """
    holdfast snapshot create shop
    holdfast snapshot create shop --verify L3 --full
    holdfast snapshot create shop --level fast --bandwidth 20MB/s
    holdfast snapshot create shop --repo dumps --compression zstd --file-level 9 --encryption age
    holdfast snapshot create shop blog --verify L1
    holdfast snapshot create --label tier=gold
    holdfast snapshot create --all --env production
    """,
)
def create(
    ctx: typer.Context,
    *,
    databases: Annotated[
        list[str] | None, typer.Argument(metavar="[DATABASE]...", help="Databases, by name or id.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every database (of --project, of --env).")] = False,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Of those with this label; repeatable.")
    ] = None,
    proof: Proof = None,
    level: cli_options.Compression = None,
    bandwidth: cli_options.Bandwidth = None,
    workers: cli_options.Workers = None,
    nice: cli_options.Nice = None,
    verify_within: cli_options.VerifyWithin = None,
    compression: cli_options.FileCompression = None,
    file_level: cli_options.FileLevel = None,
    encryption: cli_options.Encryption = None,
    recipient: cli_options.Recipient = None,
    file_key: cli_options.FileKey = None,
    repository: Annotated[str | None, typer.Option("--repo", help="Repository, by name or id.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, also what did not change.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Take a snapshot of a database, or of many, and prove it.

    Many small databases go together, in one run; one that fails hinders no other."""
    t = terminal(ctx)
    body: dict[str, Any] = {"full": True} if full else {}
    if proof is not None:
        body["level"] = proof
    files = cli_options.file_words(compression, file_level, encryption, recipient, file_key)
    if options := cli_options.chosen(level, bandwidth, workers, nice, verify_within=verify_within, **files):
        body["options"] = options
    if repository:
        body["repository_id"] = t.repository(repository)["id"]
    if every or labels or len(databases or ()) != 1:
        return many(t, databases or (), every=every, labels=labels or (), body=body, no_wait=no_wait)
    found = t.database((databases or [""])[0])
    made = t.client.post(f"/databases/{found['id']}/snapshots", body)
    if no_wait:
        return _started(t, made)
    run = t.follow(made["run"])
    snapshot = t.client.get(f"/snapshots/{made['snapshot']['id']}")
    t.answer({"snapshot": snapshot, "run": run}, f"{snapshot['id']}  {_summary(snapshot)}")


@verb(
    app,
    "list",
    """
    holdfast snapshot list --database shop
    holdfast snapshot list --search release --tag nightly --since 2026-11-01
    """,
)
def list_(
    ctx: typer.Context,
    *,
    database: Annotated[str | None, typer.Option("--database", help="Only this database's.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="In id, database, tag or imported file.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Has this tag; repeatable, all must hold.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="creating, ready, failed, forgotten, deleted.")] = None,
    proof: Annotated[
        str | None,
        typer.Option("--proof", help="green, yellow or red; or verified, pending, skipped, stale, failed."),
    ] = None,
    trigger: Annotated[str | None, typer.Option("--why", help="manual, schedule, safety, import...")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="MOMENT", help="Taken then or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Taken before.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, newest first.")] = None,
) -> None:
    """List snapshots, newest first."""
    t = terminal(ctx)
    wanted: dict[str, Any] = {"resource_id": owner_of(t, database) if database else None, "q": search, "tag": tags}
    colour = proof in ("green", "yellow", "red")
    wanted |= {"verification" if colour else "proof": proof}
    wanted |= {"state": state, "trigger": trigger, "since": since, "until": until}
    t.table(
        t.client.items("/snapshots", limit=limit, **wanted, **t.scope()),
        {
            "SNAPSHOT": "id",
            "DATABASE": "resource_name",
            "TAKEN": lambda item: output.moment_text(item.get("taken_at") or item.get("created_at")),
            "STATE": "state",
            "TYPE": lambda item: item.get("type") or "-",
            "PROVEN": _proven,
            "PROOF": lambda item: f"{item['verification']} {item['proof']}",
            "WHY": "trigger",
            "TAGS": lambda item: output.Coloured.joined([(tag, item["tag_colours"].get(tag)) for tag in item["tags"]]),
            "SIZE": lambda item: output.size_text(_size(item)),
        },
        empty="No snapshots yet. Take one: holdfast snapshot create shop",
        right=("SIZE",),
    )


@verb(app, "show", "holdfast snapshot show latest:shop")
def show(ctx: typer.Context, snapshot: Snapshot) -> None:
    """Show a snapshot: when, how big, how far proven."""
    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    if t.json:
        output.say_json(found)
        return
    output.record(
        {
            "Snapshot": found["id"],
            "Database": f"{found['resource_name']} ({found['engine']})  {found['resource_id']}",
            **_origin(found),
            "Taken": f"{output.moment_text(found.get('taken_at'))}, {found['trigger']}, by {found['created_by']}",
            "State": found["state"] + (", held" if found["hold"] else ""),
            "Proven": f"{_proven(found)} ({_colour(found)}; wanted: L{found['wanted_level']})",
            "Size": f"{output.size_text(_size(found))}, {output.size_text(found['stored_bytes'])} of it new and stored",
            "Type": _type(found),
            "Inside": f"{output.counted(found['tables'], 'table')}, {output.counted(found['rows'], 'row')}",
            "Took": output.seconds_text(found["seconds"]),
            "Options": cli_options.told(found["options"]),
            "Repository": found["repository_id"],
            "For restic": found["restic_id"] or "-",
            "Tags": ", ".join(found["tags"]) or "-",
        }
    )
    if error := found.get("error"):
        output.say(f"Error: {output.visible(str(error.get('message')))}")


@verb(app, "verify", "holdfast snapshot verify latest:shop --level L3")
def verify(ctx: typer.Context, snapshot: Snapshot, level: Level = None, no_wait: NoWait = False) -> None:
    """Prove a snapshot again; exits 1 when it does not hold. One that lies in an archive is skipped."""
    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    made = t.client.post(f"/snapshots/{found['id']}/verify", {} if level is None else {"level": level})
    if no_wait:
        return _started(t, made)
    run = t.follow(made["run"])
    if skipped := (run.get("result") or {}).get("skipped"):
        t.answer(run, f"{found['id']} was skipped, nothing is proven: {skipped}")
        return
    t.answer(run, f"{found['id']} holds: {_proven(t.client.get('/snapshots/' + found['id']))}")


@verb(app, "ls", "holdfast snapshot ls latest:shop\nholdfast snapshot ls latest:shop --tables")
def ls(
    ctx: typer.Context,
    snapshot: Snapshot,
    tables: Annotated[bool, typer.Option("--tables", help="Tables instead of entries.")] = False,
) -> None:
    """List what is inside a snapshot, without restoring it."""
    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    if tables:
        columns: dict[str, Any] = {"TABLE": _table_name, "ROWS": "rows"}
        t.table(t.client.items(f"/snapshots/{found['id']}/tables"), columns, empty="No tables.", right=("ROWS",))
    else:
        columns = {"PATH": "path", "SIZE": lambda item: output.size_text(item.get("size"))}
        t.table(t.client.items(f"/snapshots/{found['id']}/entries"), columns, empty="No entries.", right=("SIZE",))


@verb(app, "cat", "holdfast snapshot cat latest:shop RESTORE.md")
def cat(
    ctx: typer.Context, snapshot: Snapshot, path: Annotated[str, typer.Argument(help="An entry's path (see ls).")]
) -> None:
    """Write an entry's bytes to standard output."""
    import sys
    from urllib.parse import quote

    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    for piece in t.client.content(f"/snapshots/{found['id']}/entries/{quote(path.strip('/'))}/content"):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@verb(app, "rows", "holdfast snapshot rows latest:shop orders --limit 10")
def rows(
    ctx: typer.Context,
    snapshot: Snapshot,
    table: Annotated[str, typer.Argument(help="Table, or schema.table.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many.")] = 20,
) -> None:
    """Show rows of a table in a snapshot, without restoring it."""
    from urllib.parse import quote

    from holdfast.features.databases.cli_query import as_table

    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    answer = t.client.get(f"/snapshots/{found['id']}/tables/{quote(table, safe='')}/rows", limit=limit)
    if t.json:
        output.say_json(answer)
        return
    names = [column["name"] if isinstance(column, dict) else column for column in answer["columns"]]
    as_table(names, answer["rows"])
    if answer.get("truncated"):
        output.note("There are more rows: ask for them with --limit.")


@verb(
    app,
    "restore",
    """
    holdfast snapshot restore latest:shop --as shop-copy
    holdfast snapshot restore latest:shop --as shop --server legacy
    holdfast snapshot restore snap_... --in-place --confirm shop
    """,
)
def restore(
    ctx: typer.Context,
    *,
    snapshot: Snapshot,
    new_name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Restore into a new database.")] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the database it was taken of.")] = False,
    confirm: Confirmed = None,
    tables: Annotated[list[str] | None, typer.Option("--table", help="Only these tables.")] = None,
    safety: Annotated[
        bool, typer.Option("--safety/--no-safety", help="In place: snapshot what is there first.")
    ] = True,
    masking: Annotated[
        str | None, typer.Option("--masking", metavar="PROFILE", help="Mask the new copy before anyone sees it.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="DATABASE", help="On the server of this external database.")
    ] = None,
    unverified: Annotated[bool, typer.Option("--unverified", help="Also when the snapshot was not proven.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Restore into a new database, or in place: built beside, verified, swapped; the old one is kept for a while."""
    t = terminal(ctx)
    if in_place == (new_name is not None):
        raise Usage("restore into what?", hint="say --as NAME for a new database, or --in-place")
    found = snapshot_of(t, snapshot)
    body: dict[str, Any] = {"override_unverified": True} if unverified else {}
    if tables:
        body["select"] = list(tables)
    if in_place:
        target = t.client.get(f"/databases/{found['resource_id']}")
        if masking:
            raise Usage("a restore in place is not masked", hint="restore with --as NAME to mask the copy")
        if server:
            raise Usage("a restore in place stays where it is", hint="restore with --as NAME on another server")
        confirmed = t.confirm(target["name"], confirm, "replaces a database's contents")
        body |= {"mode": "in_place", "confirm": confirmed, "safety": safety}
    else:
        body |= {"mode": "new", "name": new_name} | ({"masking": masking} if masking else {})
        if server:
            body["server"] = t.database(server)["id"]
        if t.environment:
            body["environment_id"] = t.environment_of()["id"]
    made = t.client.post(f"/snapshots/{found['id']}/restore", body)
    if no_wait:
        return _started(t, made)
    run = t.follow(made["run"])
    resource = made.get("resource") or {}
    current = t.client.get(f"/databases/{resource['id']}") if resource.get("id") else resource
    name = output.visible(str(current.get("name", new_name)))
    t.answer({"resource": current, "run": run}, f"Restored {name} from {found['id']}, and verified it.")


@verb(app, "delete", "holdfast snapshot delete snap_... --confirm snap_...")
def delete(
    ctx: typer.Context,
    *,
    snapshot: Snapshot,
    confirm: Annotated[str | None, typer.Option("--confirm", metavar="ID", help="The id again, for scripts.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Even the only good one of its database.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Delete a snapshot for good."""
    t = terminal(ctx)
    found = snapshot_of(t, snapshot)
    body = {"confirm": t.confirm(found["id"], confirm, "deletes a snapshot"), "force": force}
    made = t.client.delete(f"/snapshots/{found['id']}", body)
    if made and made.get("run"):
        if no_wait:
            return _started(t, made)
        t.follow(made["run"])
    t.answer({"deleted": found["id"]}, f"Deleted {found['id']}.")


def _origin(snapshot: dict[str, Any]) -> dict[str, str]:
    """Of an imported one: which file it came out of."""
    about = (snapshot.get("summary") or {}).get("imported")
    if not about:
        return {}
    how = ", ".join(
        str(about[key]) for key in ("format", "compression", "encryption") if about.get(key) not in (None, "none")
    )
    size = output.size_text(about.get("bytes"))
    return {"Imported": f"{output.visible(str(about.get('file')))}, {size}, {how}, SHA-256 {about.get('sha256')}"}


def _started(t: Terminal, made: dict[str, Any]) -> None:
    t.answer(made, f"{made['run']['id']}\nWatch it: holdfast run watch {made['run']['id']}")


def _table_name(item: dict[str, Any]) -> str:
    return f"{item['schema']}.{item['name']}" if item.get("schema") else str(item["name"])


def _size(snapshot: dict[str, Any]) -> float | None:
    return snapshot.get("source_bytes")


def _type(snapshot: dict[str, Any]) -> str:
    """Full, and why; or incremental, on what, and how much of it was read."""
    about = snapshot.get("summary") or {}
    if snapshot.get("type") != "incremental":
        why = f": {output.visible(str(about['why_full']))}" if about.get("why_full") else ""
        return f"{snapshot.get('type') or '-'}{why}"
    read, skipped = output.size_text(snapshot.get("read_bytes")), output.size_text(snapshot.get("skipped_bytes"))
    return f"incremental, number {about.get('sequence')} since {about.get('base')}: {read} read, {skipped} unchanged"


def _proven(snapshot: dict[str, Any]) -> str:
    level = snapshot.get("verified_level")
    words = {0: "L0 stored", 1: "L1 hashes", 2: "L2 readable", 3: "L3 restored"}
    return "-" if level is None else words.get(int(level), f"L{level}")


def _colour(snapshot: dict[str, Any]) -> str:
    until = f" until {output.moment_text(snapshot['proof_due'])}" if snapshot["proof"] == "verified" else ""
    return f"{snapshot['verification']}: {snapshot['proof']}{until}"


def _summary(snapshot: dict[str, Any]) -> str:
    return f"{output.size_text(_size(snapshot))}, proven to {_proven(snapshot)}"

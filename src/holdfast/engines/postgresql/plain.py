"""The snapshot as ONE archive of pg_dump's custom format, put together as it is read: never a whole file anywhere.

The schema archives hold every line of the table of contents but those of rows; these are made here, and their data is
the entries' COPY text. All sizes are known before the first byte, so every offset in the archive is right
(`pg_restore -j` works) and a download can go on where it broke off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from holdfast.contract.plain import Framed, Literal, Part, PlainFile, Whole
from holdfast.contract.snapshot import Manifest, Source
from holdfast.engines.postgresql import sequences
from holdfast.engines.postgresql.capture import LARGE_OBJECTS, POST_DATA, PRE_DATA
from holdfast.engines.postgresql.names import identifiers, qualified
from holdfast.engines.postgresql.streams import read_all
from holdfast.formats import pg_archive
from holdfast.formats.pg_archive import Archive, Item
from holdfast.kernel.errors import Conflict

_END = b"\\.\n\n\n"
_FIRST_LOOK, _MOST_LOOK = 1 << 20, 256 << 20
_EMPTY = Item(
    id=0, has_data=False, catalog=b"0", oid=b"0", tag=b"", kind=b"", section=pg_archive.DATA_SECTION, create=None,
    drop=None, copy=None, schema=None, tablespace=None, access_method=None, relkind=0, owner=b"", with_oids=b"false",
    needs=(), state=pg_archive.OFFSET_NONE, offset=0,
)  # fmt: skip
Group = tuple[tuple[str, str], tuple[str, ...]]


def plain(source: Source) -> PlainFile:
    """See `contract.plain.CanPlain`."""
    manifest = source.manifest
    if manifest.options.get("format") != "pg-logical-1":
        raise Conflict("this snapshot's entries cannot be put into one archive", code="plain_unsupported")
    present = set(source.paths())
    try:
        pre, post = (pg_archive.parse(read_all(source, path)) for path in (PRE_DATA, POST_DATA))
        large = _head_of(source, LARGE_OBJECTS) if LARGE_OBJECTS in present else None
    except pg_archive.NotAnArchive as error:
        raise Conflict(f"this snapshot cannot be one archive: {error}", code="plain_unsupported") from None
    if any(each.head.compression for each in (pre, post, *([large] if large else []))):
        raise Conflict("this snapshot's schema is compressed", code="plain_unsupported")
    parts = tuple(_parts(source, pre, post, large))
    tool = (pre.head.tool or b"").decode(errors="replace").split(" ")[0]
    return PlainFile(
        form="pgdump",
        extension="dump",
        title="an archive of pg_dump's custom format",
        parts=parts,
        commands=('pg_restore --exit-on-error --enable-row-security --no-owner --no-privileges -d "$TARGET" "$FILE"',),
        notes=(
            f"pg_restore of version {tool or manifest.version} or later.",
            "TARGET is an empty database: `createdb -T template0 -E UTF8 mydb`, then `TARGET='dbname=mydb'`.",
            f"`pg_restore -l` lists what is inside, `-t TABLE` brings one table, {_jobs(manifest)}`-f -` writes SQL "
            "for psql. Leave out `--no-owner --no-privileges` where the roles exist.",
        ),
    )


def _jobs(manifest: Manifest) -> str:
    """Nothing where a table has partitions: several sessions of stock pg_restore may leave its index invalid (see
    `restore.Restore`)."""
    return "" if manifest.catalog.objects.get("partition") else "`-j 4` uses four sessions, "


def _parts(source: Source, pre: Archive, post: Archive, large: Archive | None) -> Iterator[Part]:
    shift = max((item.id for item in large.items), default=0) if large else 0
    schema = [_shifted(item, shift) for item in pg_archive.joined(pre, post).items]
    before, after = schema[: len(pre.items)], schema[len(pre.items) :]
    next_id = max((item.id for item in (*before, *after)), default=shift) + 1
    groups = _groups(source.manifest.entries)
    tables = {(item.schema, item.tag): item for item in before if item.kind in (b"TABLE", b"FOREIGN TABLE")}
    rows = [_rows_item(next_id + at, group, tables) for at, group in enumerate(groups)]
    known = {(item.schema, item.tag): item for item in before if item.kind == b"SEQUENCE"}
    moved = [_sequence(next_id + len(rows) + at, each, known) for at, each in enumerate(_sequences(source))]
    objects = _large_items(large, before) if large else []
    whole = Archive(pre.head, (*before, *rows, *moved, *objects, *after))
    datas = {item.id: _data(source, whole, item.id, paths) for item, paths in zip(rows, groups.values(), strict=True)}
    sizes = {item_id: sum(part.size for part in data) for item_id, data in datas.items()}
    yield Literal(pg_archive.written(pg_archive.placed(whole, sizes)))
    for data in datas.values():
        yield from data
    if large:
        yield Whole(LARGE_OBJECTS, source.size(LARGE_OBJECTS) - large.end, large.end)


def _shifted(item: Item, shift: int) -> Item:
    return replace(item, id=item.id + shift, needs=tuple(need + shift for need in item.needs))


def _groups(entries: Mapping[str, Mapping[str, Any]]) -> dict[Group, list[str]]:
    """Where rows go and with which columns -> the entries, in order."""
    found: dict[Group, list[str]] = {}
    for path, facts in entries.items():
        if "load_table" in facts:
            target = (str(facts["load_schema"]), str(facts["load_table"]))
            found.setdefault((target, tuple(facts["columns"])), []).append(path)
    return {group: sorted(found[group]) for group in sorted(found)}


def _rows_item(item_id: int, group: Group, tables: Mapping[Any, Item]) -> Item:
    (schema, name), columns = group
    table = tables.get((schema.encode(), name.encode()))
    listed = f" ({identifiers(columns)})" if columns else ""
    return replace(
        _EMPTY,
        id=item_id,
        has_data=True,
        tag=name.encode(),
        kind=b"TABLE DATA",
        copy=f"COPY {qualified(schema, name)}{listed} FROM stdin;\n".encode(),
        schema=schema.encode(),
        owner=table.owner if table else b"",
        needs=(table.id,) if table else (),
        state=pg_archive.OFFSET_UNKNOWN,
    )


def _sequences(source: Source) -> list[sequences.SequenceState]:
    return [sequences.SequenceState(*each) for each in _list(source.manifest.options.get("sequences"))]


def _list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def _sequence(item_id: int, each: sequences.SequenceState, known: Mapping[Any, Item]) -> Item:
    here = (each.schema.encode(), each.name.encode())
    made = known.get(here)
    return replace(
        _EMPTY,
        id=item_id,
        tag=here[1],
        kind=b"SEQUENCE SET",
        create="".join(f"{text};\n" for text in sequences.statements([each])).encode(),
        schema=here[0],
        owner=made.owner if made else b"",
        needs=(made.id,) if made else (),
    )


def _large_items(large: Archive, before: Iterable[Item]) -> list[Item]:
    """Their ids stay: they are inside the data."""
    there = {pg_archive.key(item) for item in before}
    return [
        item for item in large.items if item.section != pg_archive.PRE_SECTION and pg_archive.key(item) not in there
    ]


def _data(source: Source, archive: Archive, item_id: int, paths: Iterable[str]) -> list[Part]:
    head = archive.head
    parts: list[Part] = [Literal(pg_archive.block_head(head, item_id))]
    parts += [Framed(path, source.size(path), width=head.int_size) for path in paths]
    return [*parts, Literal(pg_archive.chunk(head, _END) + pg_archive.chunk(head, b""))]


def _head_of(source: Source, path: str) -> Archive:
    """Of a big archive: as much of its front as it takes."""
    size, look = source.size(path), _FIRST_LOOK
    while True:
        content = b"".join(Whole(path, min(size, look)).read(source, 0))
        try:
            return pg_archive.parse(content)
        except pg_archive.Incomplete:
            if look >= min(size, _MOST_LOOK):
                raise
            look *= 4

"""Archives of pg_dump's custom format, 1.14 to 1.16: their head and table of contents, read and written.

The format has no document; source: pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL 13 to 18. A number is a
sign byte and `int_size` bytes, little end first; a text is its length (-1: none) and its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MAGIC = b"PGDMP"
CUSTOM = 1
NO_COMPRESSION = 0
BLOCK_DATA = b"\x01"
OFFSET_UNKNOWN, OFFSET_SET, OFFSET_NONE = 1, 2, 3
NO_SECTION, PRE_SECTION, DATA_SECTION, POST_SECTION = 1, 2, 3, 4
_SETTINGS = (b"ENCODING", b"STDSTRINGS", b"SEARCHPATH")  # every archive begins with these
_OLDEST, _NEWEST = (1, 14), (1, 16)
_MOST_ITEMS = 5_000_000
_MOST_TEXT = 1 << 30


class NotAnArchive(ValueError):
    """No archive of the custom format, or one of a version that we do not know, or cut short."""


@dataclass(frozen=True)
class Item:
    """One line of the table of contents. `needs` are ids of items that come before it."""

    id: int
    has_data: bool
    catalog: bytes | None
    oid: bytes | None
    tag: bytes | None
    kind: bytes | None
    section: int
    create: bytes | None
    drop: bytes | None
    copy: bytes | None
    schema: bytes | None
    tablespace: bytes | None
    access_method: bytes | None
    relkind: int | None
    owner: bytes | None
    with_oids: bytes | None
    needs: tuple[int, ...]
    state: int
    offset: int


@dataclass(frozen=True)
class Head:
    """`stamp`: seconds to years and the summer time flag, as seven numbers."""

    version: tuple[int, int, int]
    int_size: int
    offset_size: int
    compression: int
    stamp: tuple[int, ...]
    database: bytes | None
    server: bytes | None
    tool: bytes | None

    @property
    def by_algorithm(self) -> bool:
        """Whether compression is a byte that names it, not a level."""
        return self.version >= (1, 15, 0)

    @property
    def with_relkind(self) -> bool:
        return self.version >= (1, 16, 0)


@dataclass(frozen=True)
class Archive:
    """`end`: where the table of contents ends and the data begins."""

    head: Head
    items: tuple[Item, ...] = field(default=())
    end: int = 0


def parse(content: bytes) -> Archive:
    """From the first bytes of an archive. Raises NotAnArchive; `Incomplete` of it when more bytes are needed."""
    reader = _Reader(content)
    if reader.take(5) != MAGIC:
        raise NotAnArchive("this is no archive of pg_dump's custom format")
    major, minor, revision, int_size, offset_size, form = reader.take(6)
    if not _OLDEST <= (major, minor) <= _NEWEST or form != CUSTOM or not 4 <= int_size <= 8 or offset_size > 8:
        raise NotAnArchive(f"archives of version {major}.{minor} and format {form} are not known here")
    reader.int_size = int_size
    version = (major, minor, revision)
    compression = reader.take(1)[0] if version >= (1, 15, 0) else reader.number()
    stamp = tuple(reader.number() for _ in range(7))
    head = Head(version, int_size, offset_size, compression, stamp, reader.text(), reader.text(), reader.text())
    count = reader.number()
    if not 0 <= count <= _MOST_ITEMS:
        raise NotAnArchive(f"an archive of {count} items")
    return Archive(head, tuple(_item(reader, head) for _ in range(count)), reader.at)


def split(archive: Archive) -> tuple[Archive, Archive]:
    """An archive without rows as two: what comes before the rows, and what comes after them.

    Ids and `needs` stay, so `joined` brings the one archive back. Asking pg_dump for each part alone does not: it
    leaves out the needs of a later item that lie in the earlier part, and `pg_restore -j` then lets two sessions alter
    one table at once (deadlocks, indexes of partitions left invalid)."""
    before, after = list[Item](), list[Item]()
    section = PRE_SECTION
    for item in archive.items:
        # An item of no section (a comment, a grant) belongs to that of the item before it, as pg_restore has it.
        section = item.section if item.section != NO_SECTION else section
        (after if section == POST_SECTION else before).append(item)
    settings = [item for item in before if item.kind in _SETTINGS]
    return replace(archive, items=tuple(before)), replace(archive, items=(*settings, *after))


def joined(before: Archive, after: Archive) -> Archive:
    """One archive of two of one moment, items in order.

    Where two runs of the tool made them, ids of objects are equal in both, but those of grants and comments are given
    while dumping and may be taken: such an item gets another one."""
    there = {key(item) for item in before.items}
    taken = {item.id for item in before.items}
    ours = [item for item in after.items if item.section != PRE_SECTION and key(item) not in there]
    free = max((item.id for item in (*before.items, *after.items)), default=0)
    fresh = {item.id: free + at for at, item in enumerate((i for i in ours if i.id in taken), 1)}
    moved = (
        replace(item, id=fresh.get(item.id, item.id), needs=tuple(fresh.get(need, need) for need in item.needs))
        for item in ours
    )
    return replace(before, items=(*before.items, *moved))


def key(item: Item) -> tuple[object, ...]:
    """What an item stands for: equal in every archive of one moment."""
    return item.kind, item.catalog, item.oid, item.schema, item.tag


def server_of(content: bytes) -> str | None:
    """The version of the server that an archive came from: of every archive since 1.10. Raises NotAnArchive."""
    reader = _Reader(content)
    if reader.take(5) != MAGIC:
        raise NotAnArchive("this is no archive of pg_dump's custom format")
    major, minor, _, int_size, _, form = reader.take(6)
    if form != CUSTOM or not 4 <= int_size <= 8:
        raise NotAnArchive(f"an archive of format {form} is not one of pg_dump's custom format")
    reader.int_size = int_size
    if (major, minor) >= (1, 15):
        reader.take(1)
    else:
        reader.number()
    for _ in range(7):
        reader.number()
    reader.text()
    found = reader.text() if (major, minor) >= (1, 10) else None
    return found.decode("ascii", "replace") if found else None


def written(archive: Archive) -> bytes:
    """Head and table of contents; the data follows."""
    head = archive.head
    out = _Writer(head.int_size)
    out.parts += [MAGIC, bytes([*head.version, head.int_size, head.offset_size, CUSTOM])]
    if head.by_algorithm:
        out.parts.append(bytes([head.compression]))
    else:
        out.number(head.compression)
    for number in head.stamp:
        out.number(number)
    for text in (head.database, head.server, head.tool):
        out.text(text)
    out.number(len(archive.items))
    for item in archive.items:
        _write_item(out, head, item)
    return b"".join(out.parts)


def placed(archive: Archive, sizes: dict[int, int]) -> Archive:
    """The same with an offset for every item of `sizes` (id -> bytes of its data, in the archive's order)."""
    at = len(written(archive))  # offsets have a fixed width
    items = []
    for item in archive.items:
        if item.id in sizes:
            items.append(replace(item, state=OFFSET_SET, offset=at))
            at += sizes[item.id]
        else:
            items.append(item)
    return replace(archive, items=tuple(items))


def block_head(head: Head, item_id: int) -> bytes:
    """What begins an item's data."""
    out = _Writer(head.int_size)
    out.number(item_id)
    return BLOCK_DATA + b"".join(out.parts)


def chunk(head: Head, content: bytes) -> bytes:
    """Some data; an empty one ends an item's data."""
    out = _Writer(head.int_size)
    out.number(len(content))
    return b"".join(out.parts) + content


def _item(reader: _Reader, head: Head) -> Item:
    number, has_data = reader.number(), bool(reader.number())
    catalog, oid, tag, kind = (reader.text() for _ in range(4))
    section = reader.number()
    create, drop, copy, schema, tablespace, access_method = (reader.text() for _ in range(6))
    relkind = reader.number() if head.with_relkind else None
    owner, with_oids = reader.text(), reader.text()
    needs = []
    while (need := reader.text()) is not None:
        if not need.isdigit():
            raise NotAnArchive("a dependency that is no number")
        needs.append(int(need))
    state = reader.take(1)[0]
    offset = int.from_bytes(reader.take(head.offset_size), "little")
    return Item(
        number, has_data, catalog, oid, tag, kind, section, create, drop, copy, schema, tablespace, access_method,
        relkind, owner, with_oids, tuple(needs), state, offset,
    )  # fmt: skip


def _write_item(out: _Writer, head: Head, item: Item) -> None:
    out.number(item.id)
    out.number(int(item.has_data))
    for text in (item.catalog, item.oid, item.tag, item.kind):
        out.text(text)
    out.number(item.section)
    for text in (item.create, item.drop, item.copy, item.schema, item.tablespace, item.access_method):
        out.text(text)
    if head.with_relkind:
        out.number(item.relkind or 0)
    out.text(item.owner)
    out.text(item.with_oids)
    for need in item.needs:
        out.text(str(need).encode())
    out.text(None)
    out.parts.append(bytes([item.state]) + item.offset.to_bytes(head.offset_size, "little"))


class Incomplete(NotAnArchive):
    """It goes on after what was given."""


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0
        self.int_size = 4

    def take(self, count: int) -> bytes:
        if self.at + count > len(self._content):
            raise Incomplete("this archive is cut short")
        taken = self._content[self.at : self.at + count]
        self.at += count
        return taken

    def number(self) -> int:
        sign, value = self.take(1)[0], int.from_bytes(self.take(self.int_size), "little")
        if sign > 1:
            raise NotAnArchive("a number without a sign")
        return -value if sign else value

    def text(self) -> bytes | None:
        length = self.number()
        if length < 0:
            return None
        if length > _MOST_TEXT:
            raise NotAnArchive(f"a text of {length} bytes")
        return self.take(length)


class _Writer:
    def __init__(self, int_size: int) -> None:
        self._size = int_size
        self.parts: list[bytes] = []

    def number(self, value: int) -> None:
        self.parts.append(bytes([value < 0]) + abs(value).to_bytes(self._size, "little"))

    def text(self, value: bytes | None) -> None:
        if value is None:
            self.number(-1)
        else:
            self.number(len(value))
            self.parts.append(value)

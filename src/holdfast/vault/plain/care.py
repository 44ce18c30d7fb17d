"""Looking after a plain-file repository: what it takes, sweeping up what killed writers left, its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from holdfast.kernel.clock import timestamp
from holdfast.kernel.errors import NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault.gc import GcReport
from holdfast.vault.plain.document import ENDING, GUIDE, NOTES
from holdfast.vault.plain.repository import IDS, MARKER, PlainRepository
from holdfast.vault.proving import Progress
from holdfast.vault.usage import KindUsage, OwnerUsage, Usage

MARK = "holdfast-unneeded.json"
_KINDS = {ENDING: "documents", NOTES: "notes", GUIDE: "guides"}


def usage(repo: PlainRepository, owner: Callable[[str], str], stop: Stop, progress: Progress) -> Usage:
    """`owner` tells whose a snapshot is, by its id."""
    listing = repo.listing()
    documents, unreadable = repo.documents(listing)
    kinds = {name: [0, 0] for name in ("files", *_KINDS.values())}
    for name, size in listing.items():
        kind = next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), "files")
        kinds[kind][0] += 1
        kinds[kind][1] += size
    owners: dict[str, list[int]] = {}
    referenced = 0
    for done, document in enumerate(documents):
        stop.check()
        size = sum(listing.get(name, 0) for name in document.names)
        mine = owners.setdefault(owner(document.id), [0, 0])
        mine[0] += 1
        mine[1] += size
        referenced += size
        progress(done + 1, len(documents))
    return Usage(
        {name: KindUsage(*found) for name, found in kinds.items()},
        [OwnerUsage(name, *found) for name, found in sorted(owners.items())],
        referenced,
        sum(orphans(listing, ()).values()),
        unreadable,
    )


def orphans(listing: Mapping[str, int], known: Collection[str]) -> dict[str, int]:
    """Files of ours, by their names, that belong to no document, with their sizes. A document that cannot be read keeps
    what lies beside it: a newer Holdfast may have written it. So does a snapshot that is `known`."""
    kept = {name.removesuffix(ENDING) for name in listing if name.endswith(ENDING)}
    found = {}
    for name, size in listing.items():
        base = name.removesuffix(NOTES).removesuffix(GUIDE).removesuffix(ENDING)
        ids = IDS.findall(base.rpartition("/")[2])
        if base not in kept and ids and not set(ids) & set(known):
            found[name] = size
    return found


def collect(
    repo: PlainRepository,
    known: Collection[str],
    grace: timedelta,
    *,
    dry_run: bool,
    stop: Stop,
    progress: Callable[[str, int, int], None],
) -> GcReport:
    """Files without a document that were seen so for `grace` are deleted; the others are marked. The age of a file is
    not asked: clocks of stores differ."""
    listing, now = repo.listing(), repo.clock.now()
    documents, _ = repo.documents(listing)
    again = repo.superseded(listing)
    lost = orphans(listing, known) | {name: listing[name] for name in again if name in listing}
    seen = {} if dry_run else _read_mark(repo)
    marked = {name: min(seen.get(name, now), now) for name in lost}
    due = [name for name, at in marked.items() if now - at >= grace and not dry_run and name in seen]
    for done, name in enumerate(sorted(due, key=lambda name: not name.endswith(ENDING))):
        stop.check()
        repo.store.delete(name)
        progress("deleting", done + 1, len(due))
    left = {name: at for name, at in marked.items() if name not in due}
    if not dry_run:
        repo.store.sweep()
        _write_mark(repo, left, bool(seen))
    first = min(left.values(), default=None)
    return GcReport(
        state="dry_run" if dry_run else "freed" if due else "waiting" if seen and left else "marked",
        snapshots=len(documents),
        packs=len(listing),
        blobs=len(documents),
        used_blobs=len(documents),
        bytes=sum(listing.values()),
        free_bytes=sum(lost.values()),
        packs_deleted=len(due),
        freed_bytes=sum(lost[name] for name in due),
        marked_at=first,
        due_at=first + grace if first else None,
    )


def _read_mark(repo: PlainRepository) -> dict[str, datetime]:
    try:
        said = json.loads(repo.store.get(MARK))
        return {str(name): datetime.fromisoformat(at) for name, at in said.items()}
    except NotFound:
        return {}
    except (ValueError, TypeError, AttributeError):
        return {}  # begun anew: it only delays


def _write_mark(repo: PlainRepository, left: Mapping[str, datetime], there: bool) -> None:
    if left:
        said = {name: timestamp(at) for name, at in sorted(left.items())}
        repo.store.put(MARK, [json.dumps(said, indent=1).encode()])
    elif there:
        repo.store.delete(MARK)


def clear(repo: PlainRepository) -> None:
    """What is left of ours, the marker last."""
    for name in orphans(repo.listing(), ()):
        repo.store.delete(name)
    for name in [*(name for name, _ in repo.store.list("claims")), MARK, MARKER]:
        repo.store.delete(name)

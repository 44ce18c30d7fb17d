"""What a rule means for a repository: whether it may be, and which pieces go. Pure: nothing is read, nothing moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.formats import Movable
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.colder.model import ColderRule
from holdfast.kernel.clock import parse_timestamp
from holdfast.kernel.errors import Conflict
from holdfast.vault.repository import SnapshotInfo
from holdfast.vault.stores.classes import HOT, LEAST_BYTES, Shelved, colder
from holdfast.vault.stores.s3_classes import ends_old_versions, ends_parts, moves_to, rule_text
from holdfast.vault.stores.s3_lifecycle import ASKS_FIRST, OWN, Rule


@dataclass(frozen=True)
class Move:
    """`snapshot`: which it is of, as the repository calls it, where a piece is of one only."""

    piece: Shelved
    to: str
    snapshot: str | None
    reason: str


def require_allowed(row: RepositoryRow, rule: ColderRule) -> None:
    """Raises Conflict: the format and the place of a repository must stand it."""
    abilities = format_of(row).abilities
    if row.kind != "s3":
        raise Conflict(
            f"Holdfast does not move pieces between storage classes in a repository of kind {row.kind}",
            code="colder_unsupported",
            hint="For Google Cloud Storage and Azure the how-to has rules to set at the store; a disk has one class.",
        )
    if rule.storage_class in ASKS_FIRST and not abilities.archives:
        raise Conflict(
            f"a repository of {abilities.title} cannot lie in {rule.storage_class}: nothing there is read at once, and "
            "snapshots share pieces",
            code="colder_unsafe",
            hint="Take GLACIER_IR or STANDARD_IA; or a repository of format plain, of which each snapshot is one file.",
        )
    if rule.by == "store" and not abilities.archives:
        raise Conflict(
            "a rule of the store knows how old a piece is, not which snapshots need it",
            code="colder_by_store",
            hint="Let Holdfast move them: by holdfast.",
        )
    if rule.by == "holdfast" and (row.lies or {}).get("object_lock"):
        raise Conflict(
            "pieces that the store locks cannot be moved by copying: the locked one would stay beside its copy",
            code="colder_locked",
            hint="Let the store move them: by store.",
        )


def store_rules(row: RepositoryRow, rule: ColderRule | None) -> tuple[list[Rule], str]:
    """(rules of the store, how the names of ours begin there). They only move; none deletes what is current."""
    stem, prefix = f"{OWN}{row.id}-", str((row.lies or {}).get("prefix") or "")
    below = f"{prefix}/" if prefix else ""
    if rule is None or rule.by != "store":
        return [], stem
    move = moves_to(rule.after_days, rule.storage_class)
    # Larger ones only: documents and guides beside the files are read all the time.
    found = [rule_text(f"{stem}colder", f"{below}files/", move, least=LEAST_BYTES if asks_first(rule) else 0)]
    if rule.parts_days:
        found.append(rule_text(f"{stem}parts", below, ends_parts(rule.parts_days)))
    if rule.old_versions_days:
        found.append(rule_text(f"{stem}versions", below, ends_old_versions(rule.old_versions_days)))
    return found, stem


def asks_first(rule: ColderRule) -> bool:
    return rule.storage_class in ASKS_FIRST


class Young:
    """Whether a snapshot is one that keeps its pieces where they are."""

    def __init__(self, now: datetime, rule: ColderRule, newest: Collection[str]) -> None:
        """`newest`: the newest good one of each database, by the repository's ids: never moved, however old."""
        self._since, self._newest = now - timedelta(days=rule.after_days), newest

    def __call__(self, info: SnapshotInfo) -> bool:
        return info.id in self._newest or taken_at(info) is None or (taken_at(info) or self._since) > self._since


def taken_at(info: SnapshotInfo) -> datetime | None:
    """None when it says nothing that could be understood: then it counts as young."""
    try:
        return parse_timestamp(_micro(info.time))
    except ValueError:
        return None


def _micro(text: str) -> str:
    """restic writes nanoseconds."""
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}{dot}{rest[: min(digits, 6)]}{rest[digits:]}" if dot else text


def moves(rule: ColderRule, shelved: Iterable[Shelved], movable: Movable) -> list[Move]:
    """What is not there yet. Small pieces stay: the colder classes bill them as larger than they are."""
    reason = f"only snapshots older than {rule.after_days} days need it"
    return [
        Move(each, rule.storage_class, movable.snapshots.get(each.name), reason)
        for each in sorted(shelved, key=lambda each: each.name)
        if each.name in movable.pieces and each.size >= LEAST_BYTES and colder(rule.storage_class, each.storage_class)
    ]


def moves_back(shelved: Iterable[Shelved]) -> list[Move]:
    """Everything that lies colder."""
    return [
        Move(each, HOT, None, "it was asked for")
        for each in sorted(shelved, key=lambda each: each.name)
        if colder(each.storage_class, HOT)
    ]


def by_class(shelved: Iterable[Shelved]) -> Mapping[str, tuple[int, int]]:
    """(pieces, bytes) by class."""
    found: dict[str, tuple[int, int]] = {}
    for each in shelved:
        pieces, size = found.get(each.storage_class, (0, 0))
        found[each.storage_class] = (pieces + 1, size + each.size)
    return found

"""The formats there are, and the one of a repository."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.features.backups.format_plain import PlainFormat
from holdfast.features.backups.format_restic import ResticFormat
from holdfast.features.backups.formats import RepositoryFormat, cannot
from holdfast.features.backups.model import RepositoryRow
from holdfast.vault.stores.base import Store

FORMATS: Mapping[str, RepositoryFormat] = {each.name: each for each in (ResticFormat(), PlainFormat())}


def format_of(row: RepositoryRow) -> RepositoryFormat:
    return FORMATS[row.format]


def require(row: RepositoryRow, ability: str) -> None:
    """Raises Conflict (code "repository_format") when it has not this one of `formats.ABILITIES`."""
    abilities = format_of(row).abilities
    if ability not in abilities.names():
        raise cannot(abilities, ability, row.name)


def found_at(store: Store) -> RepositoryFormat | None:
    """Of the repository that lies there; None when there is none."""
    return next((each for each in FORMATS.values() if each.there(store)), None)

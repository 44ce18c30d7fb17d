"""`holdfast recover` without the terminal: from a repository and a kit to a data directory to start on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.contract.registry import Registry
from holdfast.features.backups.claims import claim
from holdfast.features.backups.format_registry import found_at
from holdfast.features.backups.places import RUNNER_PATIENCE, Places
from holdfast.features.recovery.code import every, lay_down
from holdfast.features.recovery.kit_file import open_source
from holdfast.features.recovery.outlook import Outlook
from holdfast.features.recovery.placing import Site
from holdfast.features.recovery.rebuilding import Rebuild, Wish
from holdfast.features.recovery.staging import Staged, choose, fetch, reach, stage
from holdfast.features.secrets.kit import Kit
from holdfast.features.workers.shelf import Shelf
from holdfast.jobs import Jobs
from holdfast.kernel.audit_keys import seal_rows
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict
from holdfast.kernel.node import identity
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.settings import Settings
from holdfast.vault.stores.local import LocalStore

Told = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """`source`: id, name or path of a repository. `snapshot`: of the metadata; None = the newest. `directories`: where
    copies of local repositories lie, each in a folder named by its id. `only`: names or ids of databases."""

    kit: Kit = field(repr=False)
    source: str
    snapshot: str | None = None
    directories: Sequence[Path] = ()
    only: Sequence[str] = ()


class Recovery:
    """One recovery into `settings.data`. `look` changes nothing anywhere; `run` may be called again after any crash."""

    def __init__(self, settings: Settings, engines: Registry, clock: Clock, asked: Asked, told: Told) -> None:
        self._settings = settings
        self._engines = engines
        self._clock = clock
        self._asked = asked
        self._told = told

    def look(self) -> Outlook:
        """What would come. Reads the repositories, and writes into a temporary directory only. A metadata database
        that is taken is refused here already."""
        Site(self._settings).require_metadata_free()
        with tempfile.TemporaryDirectory(prefix="holdfast-recover-") as folder:
            work = Path(folder)
            with self._staged(work, node=self._settings.node or "the new server") as (staged, outlook):
                return self._rebuilt(staged, outlook)

    def run(self) -> Outlook | None:
        """Prepares the data directory; None when an earlier call had, and only its last step was missing.

        Raises Conflict ("data_in_use", "metadata_not_empty"), NotFound, Denied, NeedsOperator; the directory is no
        Holdfast's then.
        """
        site = Site(self._settings)
        if site.finished():
            site.tidy()
            return None
        site.begin({"from": self._asked.source})
        node = identity(self._settings.data, self._settings.node).name
        with self._staged(site.work, node) as (staged, outlook):
            self._told("The kit opens it. Taking the repositories over from the lost server.")
            self._take_over(staged, outlook)
            crash_point("recover.claimed")
            self._rebuilt(staged, outlook)
            crash_point("recover.rebuilt")
            for found in staged.opened.values():
                if found.directory is not None and found.repository is not None and not found.row.lies:
                    self._told(f"Copying {found.row.name} from {found.directory}")
                    site.copy_repository(found.row.id, found.directory, lambda _bytes: None)
            self._lay_down_code(staged)
            site.put_master_key(self._asked.kit.master_keys)
            staged.close()
            site.place(staged.file, {"installation": outlook.installation, "epoch": outlook.epoch})
        site.tidy()
        return outlook

    def _lay_down_code(self, staged: Staged) -> None:
        """Of every version that the records name; the pool starts when its directory is there."""
        with staged.db.read() as conn:
            versions = [each for each in every(conn) if each.id in staged.code]
        if versions:
            self._told(f"Laying down the code of {len(versions)} versions of workers")
            staged.lay_down(versions, Shelf(self._settings.data))
        crash_point("recover.code")

    @contextmanager
    def _staged(self, work: Path, node: str) -> Iterator[tuple[Staged, Outlook]]:
        """The metadata fetched and opened, its repositories reached through links below `work`."""
        relay = Relay(OutboundPolicy.of(self._settings))
        root = work / "repositories"
        places = Places(root, relay, self._clock, RUNNER_PATIENCE)
        try:
            entry, repository, directory = open_source(self._asked.kit, self._asked.source, places)
            chosen = choose(repository, self._asked.snapshot)
            self._told(f"Reading the metadata of {timestamp(chosen.taken_at)} from {entry.name}")
            file, manifest, code = fetch(repository, chosen, work)
            crash_point("recover.fetched")
            staged = stage(file, manifest, self._asked.kit, places, node, self._clock)
            staged.code, staged.lay_down = code, partial(lay_down, repository, chosen.info.id)
            try:
                reach(staged, self._asked.kit, self._links(root, entry.id, directory))
                yield staged, _outlook(staged, node, chosen.info.id, chosen.taken_at)
            finally:
                staged.close()
        finally:
            relay.close()

    def _links(self, root: Path, source_id: str, source: Path | None) -> Mapping[str, Path]:
        """Directories of local repositories by id, and a link below `root` to each: where `Places` looks."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in root.iterdir():
            old.unlink()
        beside = [source.parent] if source is not None else []
        found: dict[str, Path] = {source_id: source} if source is not None else {}
        for folder in (*self._asked.directories, *beside, self._settings.data / "repositories"):
            for each in sorted(folder.iterdir()) if folder.is_dir() else ():
                if each.name not in found and found_at(LocalStore(each)) is not None:
                    found[each.name] = each.resolve()
        for name, directory in found.items():
            os.symlink(directory, root / name)
        return found

    def _take_over(self, staged: Staged, outlook: Outlook) -> None:
        """Before anything is read for good: what the old server would store from now on, nobody would know of."""
        facts = {"at": timestamp(self._clock.now()), "node": staged.keys.node}
        for found in staged.opened.values():
            if found.repository is not None:
                claim(found.repository, staged.installation, outlook.epoch, facts)

    def _rebuilt(self, staged: Staged, outlook: Outlook) -> Outlook:
        seal_rows(staged.db, staged.secrets)
        wish = Wish(self._clock.now(), self._asked.only, self._asked.source)
        rebuild = Rebuild(staged, self._engines, Jobs(staged.db, self._clock), wish, outlook)
        with staged.db.write() as conn:
            rebuild.run(conn)
        names = {name for each in outlook.databases for name in (each.name, each.resource_id)}
        if missing := sorted(set(self._asked.only) - names):
            raise Conflict(f"there was no database {missing[0]!r} on the lost server", code="database_unknown")
        return outlook


def _outlook(staged: Staged, node: str, snapshot: str, taken_at: Any) -> Outlook:
    settings = staged.manifest.facts.get("settings")
    return Outlook(
        installation=staged.installation,
        epoch=staged.highest + 1,
        snapshot=snapshot,
        taken_at=taken_at,
        node=node,
        settings=dict(settings) if isinstance(settings, Mapping) else {},
    )

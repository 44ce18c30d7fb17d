"""A worker's folder as `dev` runs it: each state of its files becomes a version, as a deploy would make one."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from holdfast.commands.dev.local import LocalState
from holdfast.features.workers import archive, config, folder
from holdfast.features.workers.dotenv import dotenv
from holdfast.features.workers.settings import SettingsIn
from holdfast.features.workers.versions import new_token
from holdfast.runtime import requirements
from holdfast.runtime.environments import Environments, lock_of
from holdfast.runtime.live import Binding, Json, LiveVersion, Permits
from holdfast.runtime.wrangler_config import WorkerConfig

Say = Callable[[str], None]
PLACE = "dev"  # of the project and the environment everything here belongs to
_KEPT = 3  # copies of the code: the one that runs, and those that are leaving


@dataclass(frozen=True)
class Built:
    """A version with the values of its secrets, and what its file says."""

    version: LiveVersion
    secrets: Mapping[str, str]
    config: WorkerConfig


class Project:
    """`folder` with its project file. `environment`: `env.NAME` of that file, None for its top level."""

    def __init__(
        self,
        where: Path,
        state: LocalState,
        *,
        environment: str | None = None,
        network: tuple[str, ...] = (),
        crons: bool = False,
    ) -> None:
        self.folder = where
        self._state = state
        self._environment = environment
        self.name: str | None = None  # in place of the file's
        self._network = network
        self._crons = crons
        self._number = 0

    def seen(self) -> Mapping[str, tuple[int, int, int]]:
        """What tells one state of the files from another."""
        found = {}
        for path in (*folder.chosen(self.folder), *self._secret_files()):
            try:
                facts = path.stat()
            except OSError:
                continue  # it went while we looked; the next look sees that
            found[str(path)] = facts.st_mtime_ns, facts.st_size, facts.st_ino
        return found

    def build(self, say: Say) -> Built:
        """The version of the files as they are now. Raises HoldfastError for what a deploy would refuse too, OSError
        for a file that cannot be read."""
        files = archive.checked_files(
            {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in folder.chosen(self.folder)}
        )
        read = config.read_config(files, None, self._environment)
        if self.name is not None:
            read = replace(read, name=self.name)
        packages = self._packages(files, say)
        bindings = self._bindings(read, say)
        secrets = self._secrets(read, say)
        self._number += 1
        code = self._laid_down(read.name, files)
        return Built(self._version(read, code, packages, bindings, tuple(sorted(secrets))), secrets, read)

    def _version(
        self,
        read: WorkerConfig,
        code: Path,
        packages: Path | None,
        bindings: tuple[Binding, ...],
        secrets: tuple[str, ...],
    ) -> LiveVersion:
        kept, settings = config.kept(read), SettingsIn()
        taken = {*secrets, *(each.name for each in bindings)}
        return LiveVersion(
            id=f"{read.name}-{self._number}",
            number=self._number,
            tag=None,
            worker_id=read.name,
            worker=read.name,
            project_id=PLACE,
            environment_id=PLACE,
            code=code,
            main=read.main,
            packages=packages,
            token=new_token(),
            weight=100,
            created_at=datetime.now(UTC).isoformat(),
            compatibility_date=read.compatibility_date or "2026-01-01",
            flags=read.compatibility_flags,
            vars={name: value for name, value in read.vars.items() if name not in taken},
            secrets=tuple(name for name in secrets if name not in {each.name for each in bindings}),
            bindings=bindings,
            crons=read.crons if self._crons else (),
            routes=read.own.routes,
            answers=settings.answers,
            schemas=read.own.schemas,
            limits=settings.limits_for(kept),
            permits=self._permits(read, settings.permitted()),
            idle_seconds=settings.idle_for(kept),
        )

    def _permits(self, read: WorkerConfig, first: Permits) -> Permits:
        """What its file wishes for: here whoever develops it is who grants it."""
        network = tuple(dict.fromkeys((*first.network, *(read.own.network or ()), *self._network)))
        return replace(first, network=network, subprocess=bool(read.own.subprocess))

    def _bindings(self, read: WorkerConfig, say: Say) -> tuple[Binding, ...]:
        made = []
        for space in read.kv_namespaces:
            path = self._state.namespace(space.id or space.binding)
            made.append(Binding(space.binding, "kv", {"namespace_id": space.binding, "path": str(path)}))
        for database in read.d1_databases:
            name = database.database_name or database.database_id or database.binding
            path = self._state.database(name)
            for file in self._state.migrate(path, self.folder / database.migrations_dir, database.migrations_table):
                say(f"{database.binding}: applied {file}")
            made.append(Binding(database.binding, "d1", {"resource_id": name, "path": str(path)}))
        for called in read.services:
            target: dict[str, Json] = {"worker_id": called.service, "entrypoint": called.entrypoint}
            made.append(Binding(called.binding, "service", target))
        for counted in read.ratelimits:
            target = {"namespace": counted.namespace_id, "limit": counted.limit, "period": counted.period}
            made.append(Binding(counted.name, "ratelimit", target))
        if read.version_metadata:
            made.append(Binding(read.version_metadata, "version"))
        return tuple(made)

    def _secret_files(self) -> tuple[Path, ...]:
        """As Wrangler has it: that of the environment in place of the general one."""
        general = self.folder / ".dev.vars"
        own = self.folder / f".dev.vars.{self._environment}" if self._environment else general
        return (own if own.is_file() else general,)

    def _secrets(self, read: WorkerConfig, say: Say) -> dict[str, str]:
        (path,) = self._secret_files()
        found = dotenv(path.read_text(), path.name) if path.is_file() else {}
        for name in read.secrets:
            if name not in found and name not in read.vars:
                say(f"the secret {name} has no value here: write it to .dev.vars")
        return found

    def _packages(self, files: Mapping[str, bytes], say: Say) -> Path | None:
        """site-packages; what its file names is resolved once and stays so until that file changes."""
        named = config.needs_packages(files)
        if named is None:
            return None
        environments = Environments(self._state.root / "environments")
        kept = self._state.root / "locks" / f"{hashlib.sha256(files[named]).hexdigest()[:32]}.txt"
        if kept.is_file():
            return environments.install(lock_of(kept.read_text()))
        lines = requirements.read(named, files[named]).lines  # its notes are among the project's findings
        lock = environments.resolve(requirements.Requirements(lines), say)
        packages = environments.install(lock, say)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(lock.text)
        return packages

    def _laid_down(self, name: str, files: Mapping[str, bytes]) -> Path:
        """A copy that nobody changes, as a deployed version's: what runs is one state of the files."""
        shelf = self._state.root / "code" / name
        if self._number == 1:
            shutil.rmtree(shelf, ignore_errors=True)
        shelf.mkdir(parents=True, exist_ok=True)
        archive.lay_down(files, shelf / str(self._number))
        shutil.rmtree(shelf / str(self._number - _KEPT), ignore_errors=True)
        return shelf / str(self._number) / "code"

"""Profiles: a server, its key and the project and environment to work in, under one name.

Kept in ~/.config/holdfast/profiles.toml (0600). A key is read from a file, standard input or the environment,
never from the command line, where every user of the machine could read it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import Invalid, NotFound

LOCAL = "local"
_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


@dataclass(frozen=True)
class Profile:
    """`key` never appears in a repr: profiles end up in tracebacks."""

    name: str
    url: str
    key: str | None = None
    project: str | None = None
    environment: str | None = None

    def __repr__(self) -> str:
        return f"Profile({self.name!r}, {self.url!r})"


def profiles_file(environ: Mapping[str, str] = os.environ) -> Path:
    base = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "holdfast" / "profiles.toml"


class Profiles:
    """The profiles of one user. `local` is always there and means this machine's admin.sock."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or profiles_file()
        self._read()

    def _read(self) -> None:
        self.current = LOCAL
        self._profiles: dict[str, Profile] = {}
        if not self.path.exists():
            return
        if self.path.stat().st_mode & 0o077:
            raise Invalid(f"{self.path} can be read by others", code="profiles_exposed", hint=f"chmod 600 {self.path}")
        try:
            read = tomllib.loads(self.path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(f"{self.path} is not readable: {error}", code="profiles_broken") from error
        self.current = str(read.get("current", LOCAL))
        for name, given in read.get("profiles", {}).items():
            known = {key: given.get(key) for key in ("url", "key", "project", "environment")}
            self._profiles[name] = Profile(name=name, **known)

    def list(self) -> list[Profile]:
        return sorted(self._profiles.values(), key=lambda profile: profile.name)

    def get(self, name: str) -> Profile | None:
        """None for `local`. Raises NotFound that lists what there is."""
        if name == LOCAL:
            return None
        if name not in self._profiles:
            known = ", ".join([LOCAL, *sorted(self._profiles)])
            raise NotFound(f"there is no profile named {name!r}", code="profile_unknown", hint=f"profiles: {known}")
        return self._profiles[name]

    def add(self, profile: Profile) -> None:
        """Add or replace. Raises Invalid for a name or URL that cannot be one."""
        if not _NAME.match(profile.name) or profile.name == LOCAL:
            raise Invalid(f"{profile.name!r} cannot be a profile's name", hint="letters, digits, - and _; not `local`")
        if not profile.url.startswith(("http://", "https://")):
            raise Invalid(f"{profile.url!r} is not an http(s) URL")
        self._profiles[profile.name] = replace(profile, url=profile.url.rstrip("/"))
        self._write()

    def use(self, name: str) -> None:
        self.get(name)
        self.current = name
        self._write()

    def remove(self, name: str) -> None:
        if self.get(name) is None:
            raise Invalid("the profile `local` is always there")
        del self._profiles[name]
        if self.current == name:
            self.current = LOCAL
        self._write()

    def _write(self) -> None:
        lines = [f"current = {_toml(self.current)}"]
        for profile in self.list():
            lines += ["", f"[profiles.{profile.name}]"]
            values: dict[str, Any] = {key: value for key, value in asdict(profile).items() if key != "name"}
            lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path.with_suffix(f".new{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


def _toml(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, but for surrogate pairs (so no ASCII) and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

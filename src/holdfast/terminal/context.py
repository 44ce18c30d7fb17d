"""What one invocation of the program knows: how to answer, whom to ask, and what the given names mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import typer

from holdfast.client import Client
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound
from holdfast.kernel.ids import is_id
from holdfast.terminal import output
from holdfast.terminal.failure import Usage
from holdfast.terminal.profiles import LOCAL, Profile, Profiles
from holdfast.terminal.progress import follow

DEFAULT_PROJECT = "default"
DEFAULT_ENVIRONMENT = "development"


@dataclass
class Terminal:
    """Made once by the root command; commands take it from their context. The client connects on first use."""

    json: bool = False
    project: str | None = None
    environment: str | None = None
    profile: str | None = None
    data: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _client: Client | None = None
    _chosen: Profile | None = None

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        """--profile, HOLDFAST_PROFILE, HOLDFAST_URL, --data or HOLDFAST_DATA, the profile in use, else ./data here."""
        named = self.profile or (None if self.data else self.environ.get("HOLDFAST_PROFILE"))
        if named is None and self.data is None:
            if url := self.environ.get("HOLDFAST_URL"):
                return Client(url, key=self.environ.get("HOLDFAST_API_KEY"))
            if not self.environ.get("HOLDFAST_DATA"):
                named = Profiles().current
        self._chosen = Profiles().get(named) if named and named != LOCAL else None
        if self._chosen is not None:
            return Client(self._chosen.url, key=self.environ.get("HOLDFAST_API_KEY") or self._chosen.key)
        return Client(socket=self.settings().admin_socket)

    def settings(self) -> Any:
        """This machine's `Settings`. Raises Usage for a HOLDFAST_* variable that cannot be understood."""
        from holdfast.kernel.settings import Settings

        try:
            return Settings.load(self.environ, data=self.data)
        except ValueError as error:
            raise Usage(str(error)) from error

    def answer(self, value: Any, text: str) -> None:
        """`value` with --json, else the sentence."""
        if self.json:
            output.say_json(value)
        else:
            output.say(text)

    def table(
        self,
        items: Iterable[Mapping[str, Any]],
        columns: Mapping[str, Any],
        *,
        empty: str,
        right: tuple[str, ...] = (),
    ) -> None:
        """A listing; `columns` maps a heading to a field or a function of the item; `empty` says what to do."""
        found = list(items)
        if self.json:
            output.say_json(found)
        elif not found:
            output.say(empty)
        else:
            rows = [[_cell(item, how) for how in columns.values()] for item in found]
            output.table(list(columns), rows, right=right)

    def follow(self, run: Mapping[str, Any], *, wait: bool = True) -> dict[str, Any]:
        """The ended run when `wait`, else the run as it is now. Raises RunFailed."""
        return follow(self.client, str(run["id"]), quiet=self.json) if wait else dict(run)

    def project_of(self, given: str | None = None) -> dict[str, Any]:
        """The project named, or the profile's, or the only one, or the one called `default`."""
        client = self.client
        chosen = self._chosen.project if self._chosen else None
        name = given or self.project or self.environ.get("HOLDFAST_PROJECT") or chosen
        if name:
            return self.find("/projects", name, "project", "prj")
        projects = list(client.items("/projects"))
        wanted = projects if len(projects) == 1 else [p for p in projects if p["name"] == DEFAULT_PROJECT]
        if wanted:
            return wanted[0]
        if not projects:
            raise NotFound("there is no project yet", hint="create one: holdfast project create shop")
        raise Usage("which project?", hint="say --project NAME: " + ", ".join(str(p["name"]) for p in projects))

    def environment_of(self, given: str | None = None) -> dict[str, Any]:
        """The environment named (in the project), else `development`, else the only one."""
        client = self.client
        chosen = self._chosen.environment if self._chosen else None
        name = given or self.environment or self.environ.get("HOLDFAST_ENV") or chosen
        if name and is_id(name, "env"):
            return dict(client.get(f"/environments/{name}"))
        path = f"/projects/{self.project_of()['id']}/environments"
        if name:
            return self.find(path, name, "environment", "env")
        there = list(client.items(path))
        wanted = [env for env in there if env["name"] == DEFAULT_ENVIRONMENT] or (there if len(there) == 1 else [])
        if wanted:
            return wanted[0]
        raise Usage("which environment?", hint="say --env NAME: " + ", ".join(str(env["name"]) for env in there))

    def scope(self) -> dict[str, Any]:
        """Listing filters for the project and environment that were named; nothing named = everything visible."""
        wanted: dict[str, Any] = {}
        _ = self.client  # connecting is what chooses the profile
        chosen = self._chosen
        if self.project or self.environ.get("HOLDFAST_PROJECT") or (chosen and chosen.project):
            wanted["project_id"] = self.project_of()["id"]
        if self.environment or self.environ.get("HOLDFAST_ENV") or (chosen and chosen.environment):
            wanted["environment_id"] = self.environment_of()["id"]
        return wanted

    def database(self, name: str, *, deleted: bool = False) -> dict[str, Any]:
        """One database by id or name. `deleted` looks among those that can still be undeleted."""
        extra: dict[str, Any] = {"deleted": "true"} if deleted else {}
        return self.find("/databases", name, "database", "db", **self.scope(), **extra)

    def find(
        self,
        path: str,
        name: str,
        what: str,
        prefix: str,
        *,
        living: Callable[[Mapping[str, Any]], bool] = lambda _: True,
        **filters: Any,
    ) -> dict[str, Any]:
        """The one thing of that id or (living) name. Raises NotFound, or Conflict that lists the candidates."""
        if is_id(name, prefix):
            if prefix == "env":
                return dict(self.client.get(f"/environments/{name}"))
            return dict(self.client.get(f"{path}/{name}"))
        found = [
            item for item in self.client.items(path, name=name, **filters) if item.get("name") == name and living(item)
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFound(f"there is no {what} named {name!r}", hint=f"list them: holdfast {_NOUNS[what]} list")
        raise Conflict(
            f"{len(found)} {what}s are named {name!r}",
            code="ambiguous",
            hint="use the id, or narrow with --project and --env",
            details={"candidates": [_candidate(item) for item in found]},
        )

    def repository(self, name: str) -> dict[str, Any]:
        """One repository by id or name; `default` is the project's default one, whatever its name."""
        if name != "default":
            return self.find("/repositories", name, "repository", "repo", **self._in_project())
        there = self.client.items("/repositories", project_id=self.project_of()["id"])
        found = [item for item in there if item["is_default"]]
        if not found:
            raise NotFound("there is no repository yet", hint="the first snapshot makes one: holdfast snapshot create")
        return found[0]

    def _in_project(self) -> dict[str, Any]:
        """The project named, as a filter for what knows no environments."""
        return {key: value for key, value in self.scope().items() if key == "project_id"}

    def warn_bound(self, target: str) -> None:
        """Before it is deleted: the workers that will miss this database, namespace or worker. Of those whom this
        person may not see, nothing; a script, which reads errors as JSON, asks the API."""
        if self.json:
            return
        try:
            names = [output.visible(each["name"]) for each in self.client.items("/workers", bound_to=target)]
        except Denied:
            return
        if names:
            who = "worker is" if len(names) == 1 else "workers are"
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            said = ", ".join(names[:_NAMED]) + more
            output.note(f"{len(names)} {who} bound to it and will fail without it: {said}")

    def confirm(self, name: str, given: str | None, what: str) -> str:
        """The name typed by a person, or --confirm NAME. Raises Usage when neither matches: nothing was done."""
        if given is None:
            import sys

            if self.json or not sys.stdin.isatty():
                raise Usage(f"this {what}: it must be confirmed", hint=f"add --confirm {name!r}")
            given = typer.prompt(f"This {what}. Type its name ({output.visible(name)}) to go on", err=True)
        if given != name:
            raise Usage(f"the name typed is not {name!r}: nothing was done", code="confirmation_mismatch")
        return name


_NAMED = 5  # names in a sentence
_NOUNS = {
    "database": "db",
    "project": "project",
    "environment": "env",
    "repository": "repo",
    "key": "key",
    "plan": "plan",
    "login": "login",
    "provider": "sso",
    "channel": "alert channel",
    "rule": "alert rule",
    "worker": "worker",
    "namespace": "kv namespace",
}


def _candidate(item: Mapping[str, Any]) -> str:
    where = [str(item[key]) for key in ("project", "environment", "project_id", "environment_id") if item.get(key)]
    return "  ".join([str(item["id"]), output.visible(str(item.get("name", ""))), *where[:2]])


def _cell(item: Mapping[str, Any], how: Any) -> str:
    value = how(item) if callable(how) else item.get(how)
    if value is None or value == "":
        return "-"
    return value if isinstance(value, output.Coloured) else output.value_text(value)


def terminal(ctx: typer.Context) -> Terminal:
    """The invocation's `Terminal`."""
    return cast(Terminal, ctx.find_root().obj)


def label_pairs(given: Iterable[str]) -> dict[str, str]:
    """`key=value` labels: the value is text, whatever it looks like, and a key may have dots. Raises Usage."""
    made = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Usage(f"--label takes key=value, not {text!r}")
        made[key] = value
    return made


def key_values(given: Iterable[str], option: str) -> dict[str, Any]:
    """`key=value` options; a value that is JSON is taken as such, anything else as text. Dots nest: a.b=1."""
    import json

    made: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f"{option} takes key=value, not {text!r}")
        place = made
        *outer, last = name.split(".")
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Usage(f"{option} {name}: {part} is already a value")
        try:
            place[last] = json.loads(value)
        except ValueError:
            place[last] = value
    return made


def refuse(message: str, hint: str | None = None) -> NoReturn:
    raise Invalid(message, hint=hint)

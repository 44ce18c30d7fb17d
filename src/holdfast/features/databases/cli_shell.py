"""`holdfast db shell`: a prompt over the query API."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from holdfast.client import Client
from holdfast.features.databases.cli_query import Result, as_table, relation_name, say_truncated
from holdfast.kernel.errors import HoldfastError
from holdfast.terminal import output
from holdfast.terminal.failure import show_error

_HELP = "\\q leave   \\dt tables   \\d NAME describe   \\c drop what was typed   a statement ends with ;"
_HISTORY_LINES = 2000


def history_file() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "holdfast" / "shell_history"


def complete(text: str) -> bool:
    """Whether a statement has ended: its last character outside comments is a `;` outside quotes.

    Quotes are ' " ` and PostgreSQL's $tag$; a statement of an engine without them is only ended later, never cut.
    """
    at, last = 0, ""
    while at < len(text):
        if text.startswith(("--", "/*"), at):
            end, last_kept = ("\n" if text.startswith("--", at) else "*/"), last
        elif text[at] in "'\"`":
            end, last_kept = text[at], "quote"
        elif text[at] == "$" and (tag := _dollar(text, at)):
            end, last_kept = tag, "quote"
        else:
            last = last if text[at].isspace() else text[at]
            at += 1
            continue
        found = text.find(end, at + max(1, len(end)))
        if found < 0:
            return end == "\n" and last == ";"
        at, last = found + len(end), last_kept
    return last == ";"


def _dollar(text: str, at: int) -> str:
    end = text.find("$", at + 1)
    inside = text[at + 1 : end]
    if end < 0 or (inside and not inside.isidentifier()):
        return ""
    return text[at : end + 1]


class Shell:
    """Reads statements until `\\q` or end of input; an error is shown and the prompt comes back."""

    def __init__(
        self, client: Client, database: dict[str, Any], *, write: bool, read: Callable[[str], str] | None = None
    ) -> None:
        self._client = client
        self._database = database
        self._write = write
        self._read = read or input
        self._people = sys.stdin.isatty()

    def run(self) -> None:
        """Until the end of input. Ctrl-C drops what was typed, or cancels the running statement."""
        self._load_history()
        if self._people:
            output.say(f"{self._database['engine']} {output.visible(self._database['name'])}   {_HELP}")
        typed = ""
        try:
            while True:
                try:
                    line = self._read(self._prompt(typed))
                except EOFError:
                    break
                except KeyboardInterrupt:
                    typed = ""
                    output.say()
                    continue
                if not typed and line.strip().startswith("\\"):
                    if not self._command(line.strip()):
                        return
                    continue
                typed += line + "\n"
                if not typed.strip():
                    typed = ""
                elif complete(typed) or typed.strip() == "\\c":
                    self._statement(typed.strip())
                    typed = ""
            if typed.strip():
                self._statement(typed.strip())
        finally:
            self._save_history()

    def _prompt(self, typed: str) -> str:
        if not self._people:
            return ""
        return f"{self._database['name']}{'-' if typed else '='}{'#' if self._write else '>'} "

    def _statement(self, text: str) -> None:
        if text == "\\c":
            return
        body = {"statement": text.rstrip(";").rstrip(), "params": [], "write": self._write}
        try:
            result = Result(self._client, self._database["id"], body)
            try:
                names = [column["name"] for column in result.columns]
                as_table(names, result.rows(), affected=lambda: result.end.get("affected"))
                say_truncated(result)
            except KeyboardInterrupt:
                output.note("Cancelled.")
            finally:
                result.close()
        except HoldfastError as error:
            show_error(error, as_json=False)

    def _command(self, line: str) -> bool:
        """Carry out a backslash command; False leaves the shell."""
        verb, _, name = line.partition(" ")
        if verb in ("\\q", "\\quit"):
            return False
        if verb not in ("\\dt", "\\d"):
            output.say(_HELP)
            return True
        try:
            catalog = self._client.get(f"/databases/{self._database['id']}/catalog")
        except HoldfastError as error:
            show_error(error, as_json=False)
            return True
        relations = catalog.get("relations") or []
        if name.strip():
            self._describe([r for r in relations if name.strip() in (r["name"], relation_name(r))], name.strip())
        elif relations:
            output.table(["TABLE", "KIND"], [[relation_name(r), r["kind"]] for r in relations])
        else:
            output.say("No tables yet.")
        return True

    def _describe(self, found: list[dict[str, Any]], name: str) -> None:
        if not found:
            output.say(f"There is no {output.visible(name)}.")
        for relation in found:
            columns = [
                [c["name"], c["type"], "" if c.get("nullable", True) else "not null", c.get("default") or ""]
                for c in relation.get("columns") or []
            ]
            output.say(f"{relation['kind']} {output.visible(relation_name(relation))}")
            output.table(["COLUMN", "TYPE", "NULL", "DEFAULT"], columns)
            for index in relation.get("indexes") or []:
                unique = "unique " if index.get("unique") else ""
                output.say(f"  {unique}index {output.visible(index['name'])} ({', '.join(index.get('columns') or [])})")

    def _load_history(self) -> None:
        if not self._people:
            return
        import readline

        with suppress(OSError):  # no history yet, or an unreadable home: the shell works without
            readline.read_history_file(history_file())

    def _save_history(self) -> None:
        if not self._people:
            return
        import readline

        path = history_file()
        with suppress(OSError):  # a read-only home must not turn a good session into an error
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            path.chmod(0o600)
            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(path)

"""A pytest plugin that watches the whole run: no secret that passed by may stand in a log, a table or an error.

It learns secrets where they pass: whatever `log.register_secret` is given in this process, and what HTTP requests and
answers of the tests carry under a secret's name, in a cookie or in Authorization. It reads where they must not be: the
logs and the metadata database of every Holdfast a test started, just before its directory is removed, what lies below
pytest's own temporary directory at the end, and the body of every error answer. Some credentials are known by their
shape, whichever process made them. A find fails the test that was running; one found at the very end fails the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.features.alerts.words import EVENT_TYPES
from holdfast.kernel import log

_KEY = 12
_WORD = re.compile(r"[A-Za-z0-9_-]{12,}")
_OURS = re.compile(r"[a-z]{2,6}_[0-9a-hjkmnp-tv-z]{26}")
_SECRET_NAME = re.compile(
    r"(^|_)(password|passphrase|secret|token|key|code|codes|link|url|uri|value|kit|master_key)$", re.IGNORECASE
)
_ERROR_CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*")
_AFTER = re.compile(r"(?:#token=|[?&](?:token|secret|code)=)([^&\s]+)")
_SHAPES = {
    "an API key": re.compile(r"\bhf_[0-9a-f]{12}_[A-Za-z0-9_-]{43}"),
    "a signed token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{20,}"),
    "a URL with its password": re.compile(r"\b[a-z]{4,}://[^:/@\s\"']+:[^@/\s*\[\"']{8,}@"),
    "an age identity": re.compile(r"AGE-SECRET-KEY-1"),
}
ODD_VALUES = "x-odd-values"  # a request that carries it says nothing about what is secret
_MAX_FILE = 64 << 20
LEAKED = 9  # the exit code when a secret was found at the very end: nothing that is tried again may hide it


def _likely(value: object) -> bool:
    """Long and mixed enough that it stands somewhere because it leaked, not by chance."""
    return isinstance(value, str) and 16 <= len(value) <= 8192 and len(set(value)) >= 9 and not _OURS.fullmatch(value)


class LeakWatch:
    """Register one per pytest process, worker or not."""

    def __init__(self) -> None:
        self.secrets: dict[str, None] = {}
        self._keyed: dict[str, list[str]] = {}  # by the first letters of their longest word
        self._short: list[str] = []  # those without a word of that length
        self.errors: dict[str, str] = {}
        self.leaks: list[str] = []
        self._told = 0
        self._undo: list[tuple[Any, str, Any]] = []

    # --- learning

    def learn(self, value: object) -> None:
        if not _likely(value) or str(value) in self.secrets or value in EVENT_TYPES:
            return
        secret = str(value)
        self.secrets[secret] = None
        core = max(_WORD.findall(secret), key=len, default="")
        if core:
            self._keyed.setdefault(core[:_KEY], []).append(secret)
        else:
            self._short.append(secret)

    def _learn_named(self, found: Any, name: str = "") -> None:
        if isinstance(found, Mapping):
            for key, item in found.items():
                self._learn_named(item, str(key))
        elif isinstance(found, list):
            for item in found:
                self._learn_named(item, name)
        elif name == "code" and isinstance(found, str) and _ERROR_CODE.fullmatch(found):
            return  # why a run failed is no code of a second factor
        elif isinstance(found, str) and _SECRET_NAME.search(name):
            self._learn_text(found, name)

    def _learn_text(self, found: str, name: str) -> None:
        """Of an address only what is secret in it; a `key` or a `value` that is an ordinary word is none."""
        if "://" in found or name.lower() in ("link", "url", "uri"):
            for part in _AFTER.findall(found):
                self.learn(part)
            with contextlib.suppress(httpx.InvalidURL):
                self.learn(httpx.URL(found).password)
        elif " " not in found or "password" in name.lower():
            self.learn(found)

    # --- watching HTTP

    def _saw(self, request: httpx.Request, answer: httpx.Response) -> None:
        if request.headers.get("authorization", "").startswith("Bearer "):
            self.learn(request.headers["authorization"].removeprefix("Bearer ").strip())
        sent = b"" if ODD_VALUES in request.headers else _content(request)
        for content in (sent, _content(answer) if answer.status_code < 400 else b""):
            if content[:1] in (b"{", b"[") and len(content) < 1 << 20:
                with contextlib.suppress(ValueError, RecursionError):
                    self._learn_named(json.loads(content))
        for cookie in answer.headers.get_list("set-cookie"):
            self.learn(cookie.partition("=")[2].partition(";")[0])
        if answer.status_code >= 400:
            text = _content(answer).decode("utf-8", "replace")
            plain = _OURS.sub("", text)
            if plain not in self.errors:
                where = f"{answer.status_code} to {request.method} {request.url.path}"
                self.errors[plain] = where
                self.search(text, f"the body of {where}", shapes=True)

    # --- looking

    def search(self, text: str, where: str, *, shapes: bool) -> None:
        for secret in self._suspects(text):
            if secret in text or json.dumps(secret)[1:-1] in text:
                self.leaks.append(f"{where} holds a secret of {len(secret)} characters, {secret[:4]}...")
        for name, shape in _SHAPES.items() if shapes else ():
            if shape.search(text):
                self.leaks.append(f"{where} holds {name}")

    def _suspects(self, text: str) -> Iterator[str]:
        """Secrets that may be in the text: those whose first letters are. There are thousands of both."""
        yield from self._short
        seen: set[str] = set()
        for word in {word for word in _WORD.findall(text) if not _OURS.fullmatch(word)}:
            for at in range(len(word) - _KEY + 1):
                if (found := self._keyed.get(word[at : at + _KEY])) is not None:
                    seen.update(found)
        yield from seen

    def read(self, root: Path, *, skip: Iterable[str] = ()) -> None:
        """Every log and every metadata database below `root`."""
        for path in _telling(root, set(skip)):
            try:
                if path.stat().st_size <= _MAX_FILE:
                    text = path.read_bytes().decode("utf-8", "replace")
                    self.search(text, str(path), shapes=path.suffix == ".log" and path.name != "up.log")
            except FileNotFoundError:
                pass  # a server that still runs turned its log over

    # --- pytest

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        watch, temporary = self, Path(tempfile.gettempdir())
        register, send, remove = log.register_secret, httpx.Client.send, shutil.rmtree

        def registered(value: str) -> None:
            watch.learn(value)
            register(value)

        def sent(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
            answer = send(client, request, **options)
            if not options.get("stream"):
                watch._saw(request, answer)
            return answer

        def removed(path: Any, *given: Any, **named: Any) -> None:
            if isinstance(path, str | os.PathLike) and Path(path).parent == temporary:
                watch.read(Path(path))
            remove(path, *given, **named)

        for owner, name, new in (
            (log, "register_secret", registered),
            (httpx.Client, "send", sent),
            (shutil, "rmtree", removed),
        ):
            self._undo.append((owner, name, getattr(owner, name)))
            setattr(owner, name, new)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        done = yield
        if len(self.leaks) > self._told:
            new, self._told = self.leaks[self._told :], len(self.leaks)
            pytest.fail("a secret leaked: " + "; ".join(dict.fromkeys(new)), pytrace=False)
        return done

    def finish(self, base: Path | None) -> list[str]:
        """What nobody was told of yet: leaks in what is still there, and in errors from before a secret was known."""
        for owner, name, old in reversed(self._undo):
            setattr(owner, name, old)
        self._undo.clear()
        if base is not None and base.exists():
            self.read(base)
        for text, where in self.errors.items():
            self.search(text, f"the body of {where}", shapes=False)
        return list(dict.fromkeys(self.leaks[self._told :]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        factory = getattr(session.config, "_tmp_path_factory", None)
        base = getattr(factory, "_basetemp", None)
        late = self.finish(base)
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["leaks"] = late
            return
        self.late = [*getattr(self, "late", []), *late]
        if self.late:
            session.exitstatus = LEAKED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.late = [*getattr(self, "late", []), *getattr(node, "workeroutput", {}).get("leaks", [])]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for leak in getattr(self, "late", []):
            terminalreporter.write_line(f"LEAKED: {leak}", red=True)


def _content(message: httpx.Request | httpx.Response) -> bytes:
    try:
        return message.content
    except (httpx.RequestNotRead, httpx.ResponseNotRead):
        return b""


def _telling(root: Path, skip: set[str]) -> Iterator[Path]:
    """Logs and metadata; not what database servers and repositories keep: their files are checked by their owners."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in skip and not name.startswith(("pg_", "base"))]
        for name in files:
            if name.endswith(".log") or Path(folder).name == "logs" or name.startswith("holdfast.db"):
                yield Path(folder, name)

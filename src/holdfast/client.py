"""The HTTP client every command uses: the same API as everyone, over admin.sock here or URL + key elsewhere.

Server-sent events follow the WHATWG HTML standard, section 9.2.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from holdfast.kernel import errors

if TYPE_CHECKING:  # httpx costs 200 ms to import: help and completion must not pay for it
    import httpx

API = "/api/v1"
ENDED = frozenset({"succeeded", "failed", "cancelled"})
RECONNECT_SECONDS = 60.0
_ONCE_SECONDS = 0.3
# What creates and takes an Idempotency-Key: sent again under the same key, the server answers as it did the first time.
_CREATES = re.compile(
    r"/(databases|databases/external|databases/[^/]+/(?:snapshots|snapshot-imports|drills|migrations|clone|moves|saved-queries)"
    r"|snapshots|databases/[^/]+/(?:exports|uploads|imports)|moves/[^/]+/start|snapshots/[^/]+/restore"
    r"|projects|projects/[^/]+/environments|repositories|keys|keys/[^/]+/rotate|roles|grants|invites|sso/providers"
    r"|projects/[^/]+/(?:masking-profiles|file-keys|plans)|plans/[^/]+/run|alert-channels|alert-rules"
    r"|databases/[^/]+/tables/.+/rows|kv-namespaces|workers|workers/[^/]+/(?:versions|deployments|rollback|hosts))"
)

_BY_STATUS: Mapping[int, type[errors.HoldfastError]] = {
    401: errors.Unauthenticated,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.PreconditionFailed,
    413: errors.LimitExceeded,
    422: errors.Invalid,
    429: errors.Retryable,
    503: errors.Retryable,
    507: errors.DiskFull,
}


class NotRunning(errors.Retryable):
    """Nobody answers where Holdfast should listen."""

    default_code = "not_running"


class LineBroken(errors.Retryable):
    """The connection was lost before the whole answer came: nobody knows whether the request was carried out."""

    default_code = "connection_lost"


@dataclass(frozen=True)
class Event:
    """One server-sent event; `data` is decoded JSON, or text when it is not JSON."""

    id: str | None
    name: str
    data: Any


def error_from_wire(status: int, body: Any) -> errors.HoldfastError:
    """The error an answer carries; never fails, whatever a proxy in between made of the body."""
    given = body.get("error") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        given = {"message": f"the server answered {status} without saying why", "code": f"http_{status}"}
    default = errors.Retryable if given.get("retryable") else errors.HoldfastError
    kind = _BY_STATUS.get(status, default)
    error = kind(
        str(given.get("message") or f"the server answered {status}"),
        code=str(given.get("code") or kind.default_code),
        hint=given.get("hint"),
        details=given.get("details") if isinstance(given.get("details"), dict) else {},
    )
    return error


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Events out of the lines of a text/event-stream; comments are skipped, an unfinished last event is dropped."""
    event_id: str | None = None
    name, data = "message", list[str]()
    for line in lines:
        if line == "":
            if data:
                yield Event(event_id, name, _decode("\n".join(data)))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id" and "\0" not in value:
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


class Client:
    """One line to one Holdfast. Every method raises a `HoldfastError`: the server's own, or `NotRunning`."""

    def __init__(
        self,
        url: str = "http://localhost",
        *,
        key: str | None = None,
        socket: Path | None = None,
        timeout: float = 60.0,
    ) -> None:
        self.where = str(socket) if socket else url
        self._url = url.rstrip("/")
        self._key = key
        self._socket = socket
        self._timeout = timeout
        self._http: httpx.Client | None = None

    @property
    def line(self) -> tuple[str, Path | None, str | None]:
        """(URL, unix socket, key): for what is no request and answer."""
        return self._url, self._socket, self._key

    def get(self, path: str, **params: Any) -> Any:
        """GET /api/v1{path}; parameters that are None are left out."""
        return self.request("GET", path, params=params)

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        return self.request("POST", path, body=body, params=params)

    def patch(self, path: str, body: Any, version: int | str | None = None) -> Any:
        """Change the thing that was read at `version`. Raises PreconditionFailed when it has changed since."""
        return self.request("PATCH", path, body=body, version=version)

    def put(self, path: str, body: Any, version: int | str | None = None) -> Any:
        return self.request("PUT", path, body=body, version=version)

    def delete(self, path: str, body: Any = None, **params: Any) -> Any:
        return self.request("DELETE", path, body=body, params=params)

    def items(self, path: str, *, limit: int | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """Every item of a paged listing, following its cursor; at most `limit` when given."""
        cursor: str | None = None
        left = limit
        while True:
            page = self.get(path, cursor=cursor, limit=min(left, 200) if left else None, **params)
            items = page["items"] if isinstance(page, dict) else page
            for item in items:
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
            cursor = page.get("next_cursor") if isinstance(page, dict) else None
            if not cursor:
                return

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        root: bool = False,
        version: int | str | None = None,
    ) -> Any:
        """The decoded JSON of the answer, None when it has no body. `root` asks outside /api/v1 (health); `version` is
        the one a change was decided on; text is sent as it is."""
        sent = self._send(method, path, body, params, root=root, version=version)
        if not sent.content:
            return None
        if sent.headers.get("content-type", "").startswith("application/json"):
            return sent.json()
        return sent.text

    def lines(self, method: str, path: str, body: Any = None, **params: Any) -> Iterator[Any]:
        """The records of an NDJSON answer as they arrive; closing the iterator ends the request."""
        import httpx

        with (
            self._errors(),
            self._open().stream(
                method,
                self._full(path),
                json=body,
                params=_given(params),
                headers={"Accept": "application/x-ndjson"},
                timeout=httpx.Timeout(self._timeout, read=None),
            ) as answer,
        ):
            self._check(answer)
            for line in answer.iter_lines():
                if line:
                    yield json.loads(line)

    def content(self, path: str, **params: Any) -> Iterator[bytes]:
        """The raw bytes of an answer, in pieces."""
        with self._errors(), self._open().stream("GET", self._full(path), params=_given(params)) as answer:
            self._check(answer)
            yield from answer.iter_bytes()

    def content_of(self, path: str, body: Any) -> Iterator[bytes]:
        """The raw bytes that a POST answers, as they come; they may be long in coming."""
        import httpx

        waiting = httpx.Timeout(self._timeout, read=None)
        with self._errors(), self._open().stream("POST", self._full(path), json=body, timeout=waiting) as answer:
            self._check(answer)
            yield from answer.iter_bytes()

    def signed(self, url: str, start: int = 0, etag: str | None = None) -> Iterator[tuple[int, bytes]]:
        """What a signed link answers, from `start` on where it can (of just those bytes that `etag` names): (where a
        piece belongs, its bytes). The first is empty and says where the answer begins: 0 for one that came whole."""
        import httpx

        headers = {"Range": f"bytes={start}-", "If-Range": f'"{etag}"'} if start and etag else {}
        waiting = httpx.Timeout(self._timeout, read=None)
        with self._errors(), self._open().stream("GET", url, headers=headers, timeout=waiting) as answer:
            self._check(answer)
            at = start if answer.status_code == 206 else 0
            yield at, b""
            for piece in answer.iter_bytes():
                yield at, piece
                at += len(piece)

    def upload(self, path: str, data: bytes, kind: str, **params: Any) -> Any:
        """Bytes of one kind, such as application/zip; sent once more when the line broke: the answer is the same."""
        headers = {"Content-Type": kind, "Idempotency-Key": str(uuid4())}
        for last in (False, True):
            try:
                with self._errors():
                    answer = self._open().post(
                        self._full(path), content=data, headers=headers, params=_given(params) or None
                    )
                    self._check(answer)
                    return answer.json()
            except LineBroken:
                if last:
                    raise
                time.sleep(_ONCE_SECONDS)
        raise AssertionError("unreachable")

    def put_part(self, path: str, start: int, data: bytes, size: int) -> Any:
        """One part of an upload. Raises LineBroken when nobody knows what of it arrived: ask where it stands."""
        headers = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{size}"}
        with self._errors():
            answer = self._open().put(self._full(path), content=data, headers=headers)
            self._check(answer)
            return answer.json()

    def events(self, path: str, last: str | None = None) -> Iterator[Event]:
        """One connection's worth of server-sent events, from after `last`."""
        import httpx

        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with (
            self._errors(),
            self._open().stream(
                "GET", self._full(path), headers=headers, timeout=httpx.Timeout(self._timeout, read=45.0)
            ) as answer,
        ):
            self._check(answer)
            yield from parse_events(answer.iter_lines())

    def watch(self, run_id: str) -> Iterator[Event]:
        """A run's events until it ends, over any number of connections; the last is "end" with the run as data.

        A server that restarts meanwhile is waited for up to 60 s; then its error is raised. The run itself goes on.
        """
        last: str | None = None
        lost_at: float | None = None
        while True:
            try:
                for event in self.events(f"/runs/{quote(run_id)}/events", last):
                    last, lost_at = event.id or last, None
                    yield event
                    if isinstance(event.data, dict) and event.data.get("state") in ENDED:
                        break
                run = self.get(f"/runs/{quote(run_id)}")
                lost_at = None
                if run["state"] in ENDED:
                    yield Event(last, "end", run)
                    return
            except errors.Retryable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > RECONNECT_SECONDS:
                    raise
            time.sleep(0.2)

    def wait(self, run_id: str, see: Callable[[Event], None] = lambda _: None) -> dict[str, Any]:
        """The run once it has ended; `see` gets every event before. Does not raise for a failed run."""
        for event in self.watch(run_id):
            if event.name == "end":
                return dict(event.data)
            see(event)
        raise AssertionError("watch ends with the run")

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _open(self) -> httpx.Client:
        import ssl

        import httpx

        if self._http is None:
            transport = None
            if self._socket:
                # No TLS passes here; a context that trusts nobody saves reading the authorities at every command.
                trusts_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                transport = httpx.HTTPTransport(uds=str(self._socket), verify=trusts_nobody)
            headers = {"User-Agent": "holdfast-cli", "Accept": "application/json"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            # The environment's proxies and netrc are left out: the admin socket must never be asked through one.
            self._http = httpx.Client(
                base_url=self._url,
                transport=transport,
                headers=headers,
                timeout=self._timeout,
                trust_env=not self._socket,
            )
        return self._http

    def _full(self, path: str) -> str:
        return API + path

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, Any] | None,
        *,
        root: bool,
        version: int | str | None = None,
    ) -> httpx.Response:
        """Once more, after a moment, when the line broke and a second request can do no harm."""
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" and _CREATES.fullmatch(path) else {}
        harmless = method == "GET" or bool(headers)
        if version is not None:
            headers["If-Match"] = f'"v{version}"' if isinstance(version, int) else f'"{version}"'
        try:
            return self._send_once(method, path, body, params, headers, root=root)
        except LineBroken:
            if not harmless:
                raise
        time.sleep(_ONCE_SECONDS)
        return self._send_once(method, path, body, params, headers, root=root)

    def _send_once(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        *,
        root: bool,
    ) -> httpx.Response:
        full = path if root else self._full(path)
        with self._errors():
            answer = self._open().request(
                method, full, json=body, params=_given(params or {}) or None, headers=dict(headers)
            )
            self._check(answer)
            return answer

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code < 400:
            return
        answer.read()
        raise error_from_wire(answer.status_code, _decode(answer.text))

    def _errors(self) -> _Translated:
        return _Translated(self.where, local=self._socket is not None)


class _Translated:
    """Turns what httpx raises into our words."""

    def __init__(self, where: str, *, local: bool) -> None:
        self._where = where
        self._local = local

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            if self._local:
                raise NotRunning(
                    f"Holdfast is not running (no admin.sock at {self._where})",
                    hint="start it: holdfast up (or name another data directory: --data DIR)",
                ) from error
            raise NotRunning(f"nobody answers at {self._where}: {error}", hint="check the profile's URL") from error
        if isinstance(error, httpx.TimeoutException):
            raise errors.Retryable(f"{self._where} did not answer in time", code="timeout") from error
        if isinstance(error, httpx.TransportError):
            raise LineBroken(
                f"the line to {self._where} broke: {error}", hint="look what came of it: holdfast run list"
            ) from error


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}

"""Answers against the schemas their route declares for them: told in the log, or refused.

An answer is looked at when it is whole: given at once, or in pieces whose length was said before. A stream without a
length passes as it comes, and so does what is larger than MOST_ANSWER.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from holdfast.runtime.python.exchange import Exchange, Raw
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.schemas.patterns import Budget
from holdfast.runtime.python.schemas.reading import Unreadable, read_json
from holdfast.runtime.python.schemas.running import Fault
from holdfast.runtime.python.schemas.schema import Schema

Mode = Literal["off", "log", "refuse"]
MOST_ANSWER = 256 * 1024  # bytes: some thirty milliseconds, in which the process does nothing else
MOST_STEPS = 500_000  # of one answer, whatever its schema asks
_LINES_A_SECOND = 10  # of the log; what is beyond them is counted
_TELL_EVERY = 0.5  # seconds
_BODILESS = (204, 205, 304)
_JSON: Raw = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class AnswerSchemas:
    """Of one route, by status; each becomes a check when it is asked for the first time."""

    def __init__(self, responses: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
        self._raw = {status: each.get("schema") for status, each in responses.items()}
        self._shared = shared
        self._made: dict[str, Schema] = {}

    def __bool__(self) -> bool:
        return any(each is not None for each in self._raw.values())

    def of(self, status: int) -> Schema | None:
        """That of `default` where the status is not declared."""
        name = str(status) if str(status) in self._raw else "default"
        if self._raw.get(name) is None:
            return None
        if name not in self._made:
            self._made[name] = Schema(self._raw[name], self._shared)
        return self._made[name]


@dataclass
class Told:
    """What is said of answers that do not fit: lines of the log, a few a second, and how many there were.

    `say` takes messages to the pool, as `Channel.send` does."""

    say: Callable[[dict[str, Any]], None]
    mode: Mode = "log"
    _second: int = 0
    _lines: int = 0
    _count: int = 0
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def unfit(self, invocation: Invocation, where: str, status: int, faults: list[dict[str, Any]]) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= _LINES_A_SECOND or self.mode == "refuse":
            level = "error" if self.mode == "refuse" else "warn"
            invocation.log(level, f"the answer {status} of {where} is not what its schema says: {_words(faults)}")
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TELL_EVERY, self.flush)

    def flush(self) -> None:
        """Tell the pool what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._count:
            self.say({"t": "unfit", "at": int(time.time() * 1000), "count": self._count})
            self._count = 0


class Watched:
    """An exchange whose answer is looked at; everything else of it is the exchange's own."""

    __slots__ = ("_exchange", "_head", "_held", "_invocation", "_pieces", "_schemas", "_size", "_told", "_where")

    def __init__(
        self, exchange: Exchange, invocation: Invocation, where: str, schemas: AnswerSchemas, told: Told
    ) -> None:
        self._exchange, self._invocation = exchange, invocation
        self._where, self._schemas, self._told = where, schemas, told
        self._head: tuple[int, Raw, int] | None = None  # of one that comes in pieces and is looked at
        self._held = False  # nothing of it was sent yet
        self._pieces: list[bytes] = []
        self._size = 0

    @classmethod
    def over(
        cls, exchange: Exchange, invocation: Invocation, where: str, schemas: AnswerSchemas, told: Told
    ) -> Exchange:
        """With the face of the exchange."""
        return cast(Exchange, cls(exchange, invocation, where, schemas, told))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Watched.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self._exchange, name, value)

    @property
    def answered(self) -> bool:
        return self._held or self._exchange.answered

    def answer(self, status: int, headers: Raw, body: bytes) -> None:
        if self._told.mode == "refuse":
            self._judged(status, headers, body)
            return
        self._exchange.answer(status, headers, body)  # before it is looked at: nobody waits for that
        if faults := self._faults(status, headers, body):
            self._told.unfit(self._invocation, self._where, status, faults)

    def start(self, status: int, headers: Raw, length: int | None = None) -> None:
        if length is not None and length <= MOST_ANSWER and self._schemas.of(status) is not None:
            self._head = (status, headers, length)
            self._held = self._told.mode == "refuse"
        if not self._held:
            self._exchange.start(status, headers, length)

    async def write(self, piece: bytes) -> None:
        if self._head is not None:
            self._size += len(piece)
            if self._size <= self._head[2]:
                self._pieces.append(piece)
        if not self._held:
            await self._exchange.write(piece)

    def finish(self) -> None:
        if self._head is None:
            self._exchange.finish()
            return
        status, headers, length = self._head
        body = b"".join(self._pieces)
        if self._held:
            self._held = False
            if self._size != length and self._exchange.method != b"HEAD":
                raise ValueError(f"the answer promised {length} bytes and had {self._size}")
            self._judged(status, headers, body)
            return
        self._exchange.finish()
        if self._size == length and (faults := self._faults(status, headers, body)):
            self._told.unfit(self._invocation, self._where, status, faults)

    def abort(self) -> None:
        """What is held was not sent: an answer of ours can still take its place."""
        if self._held:
            self._held, self._head = False, None
            return
        self._exchange.abort()

    def _judged(self, status: int, headers: Raw, body: bytes) -> None:
        """Send it, or a 502 that names the fields in its place."""
        faults = self._faults(status, headers, body)
        if not faults:
            self._exchange.answer(status, headers, body)
            return
        words = f"The answer is not what its schema says: {_words(faults)}"
        self._invocation.status = 502
        self._invocation.failed("exception", {"type": "ResponseInvalid", "message": words, "stack": ""})
        self._told.unfit(self._invocation, self._where, status, faults)
        error = {
            "code": "response_invalid",
            "message": words,
            "hint": "The worker's code or its declared schema is wrong; the request is not.",
            "request_id": self._invocation.ray,
            "details": {"status": status, "fields": faults},
        }
        if not self._exchange.complete:
            self._exchange.keep_alive = False
        self._exchange.answer(502, _JSON, json.dumps({"error": error}).encode() + b"\n")

    def _faults(self, status: int, headers: Raw, body: bytes) -> list[dict[str, Any]]:
        schema = self._schemas.of(status)
        if schema is None or self._exchange.method == b"HEAD" or status in _BODILESS or len(body) > MOST_ANSWER:
            return []
        named = {bytes(name).lower(): bytes(value) for name, value in headers}
        if named.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return []
        kind = named.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
            return [_field("headers", Fault(("content-type",), "const", "must be application/json"))]
        try:
            value = read_json(bytes(body))
        except Unreadable as error:
            return [_field("body", Fault((), "format", str(error)))]
        found = schema.faults(value, Budget(MOST_STEPS))
        return [_field("body", each) for each in found if each.keyword != "cost"]  # too large to judge is not wrong


def _field(where: str, fault: Fault) -> dict[str, Any]:
    return {"field": fault.named(where), "in": where, "rule": fault.keyword, "message": fault.message}


def _words(fields: list[dict[str, Any]]) -> str:
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{fields[0]['field']} {fields[0]['message']}{more}"

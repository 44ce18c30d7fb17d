"""Dumps: an RDB file, loaded by a scratch server of ours and carried over key by key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.contract.dumps import Dump, newer, unreadable
from holdfast.contract.snapshot import Receipt, RestoreRequest
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.valkey import scratch
from holdfast.engines.valkey.restore import transfer
from holdfast.kernel.errors import Corrupt
from holdfast.kernel.stop import Stop

_TITLE = "an RDB file"
_HEAD = re.compile(rb"(REDIS(\d{4})|VALKEY(\d{3}))")
_REFUSED = re.compile(r"handle RDB format version (\d+)|RDB version (\d+)|Unsupported RDB|Foreign RDB", re.I)


class TakesIn:
    """Implements `contract.dumps.CanTakeIn`. Which versions it loads the server itself knows best."""

    def recognised(self, head: bytes, spec: Spec | None) -> Dump | None:  # noqa: ARG002  known when it is loaded
        match = _HEAD.match(head)
        return Dump("rdb", _TITLE, str(int(match[2] or match[3]))) if match else None

    def take_in(self, at: Endpoint, tools: Tools, dump: Dump, pieces: Iterator[bytes], stop: Stop) -> Receipt:
        with scratch.directory(tools) as place:
            with (place / scratch.ENTRY).open("wb") as file:
                for piece in pieces:
                    stop.check()
                    file.write(piece)
            try:
                with scratch.loaded(tools, place, stop) as origin:
                    return transfer(at, origin, None, RestoreRequest(), stop)
            except Corrupt as error:
                if _REFUSED.search(error.message):
                    raise newer(_TITLE, dump.version or "?", "an older one") from error
                raise unreadable(_TITLE, error.message.removeprefix("the server cannot load this RDB: ")) from error

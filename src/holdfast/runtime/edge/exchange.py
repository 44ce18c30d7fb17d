"""One request on its way to a worker, and the answer on its way back."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING

from holdfast.runtime.edge import admission, answers, chunks, forward
from holdfast.runtime.edge.admission import Fields
from holdfast.runtime.edge.answers import Refusal
from holdfast.runtime.edge.heads import CHUNKED, UNTIL_END, Request, Response
from holdfast.runtime.edge.routes import Found, Route
from holdfast.runtime.edge.upstream import Away, Busy, Upstream

if TYPE_CHECKING:
    from holdfast.runtime.edge.client import Client

_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PROPFIND", b"REPORT", b"SEARCH"})
_AS_IT_IS, _CHUNKS = range(2)


class Exchange:
    """Made when a request's head is complete; gone when its answer has ended. The client is told through `Client`."""

    __slots__ = (
        "_bare",
        "_client",
        "_cors",
        "_framing",
        "_opening",
        "_retried",
        "_task",
        "_tunnel",
        "answering",
        "close",
        "head_only",
        "id",
        "path",
        "replay",
        "request",
        "route",
        "sent_body",
        "upstream",
        "wire",
    )

    def __init__(self, client: Client, request: Request, request_id: str) -> None:
        self._client, self.request, self.id = client, request, request_id
        self.route: Route | None = None
        self.path = ""
        self.wire = b""  # the head as the worker gets it
        self._opening = b""  # of it, all but the request's id
        self.replay: bytes | None = None  # all that was sent, while it can be sent again
        self.sent_body = False
        self.upstream: Upstream | None = None
        self.head_only = request.method == b"HEAD"
        self.answering = False
        self.close = not request.keep_alive
        self._cors: Fields | None = None
        self._bare = self._retried = self._tunnel = False
        self._framing = _AS_IT_IS
        self._task: asyncio.Task[None] | None = None

    def admit(self, found: Found | None, peer: bytes, proto: bytes) -> Refusal | None:
        """Decide who answers. A refusal goes to the client instead."""
        if found is None:
            return answers.NOBODY
        request, route = self.request, found.route
        self.route, self._bare = route, found.bare
        if found.bare and found.target[:1] != b"/":
            where = b"/run/%b/%b" % (route.slug.encode(), found.target)
            return Refusal(308, "moved", "This worker's address ends with a slash.", "", ((b"location", where),))
        if route.cors is not None:
            if (answer := admission.preflight(route.cors, request, protected=route.keys is not None)) is not None:
                return answer
            if admission.foreign_socket(route.cors, request):
                return answers.ORIGIN_REFUSED
            self._cors = admission.cors_fields(route.cors, request)
        if (refusal := self._let_in(route, peer)) is not None:
            return refusal
        cookie, wanted = b"", ""
        if b"cookie" in request.named:
            cookie, wanted = admission.without_ours(request.named[b"cookie"])
        version = admission.choose(route, request, peer, wanted)
        if isinstance(version, Refusal):
            return version
        self.path = version.socket
        prefix = b"/run/" + route.slug.encode() if found.bare else b""
        self._opening = forward.request_head(
            request, found.target, client=peer, proto=proto, cookie=cookie, prefix=prefix
        )
        self.wire = self._opening + forward.ending(self.id)
        return None

    @property
    def repeatable(self) -> bool:
        """Whether the same head on this connection would be let in just so, as long as the table holds."""
        route, request = self.route, self.request
        judged_anew = route is None or route.keys is not None or route.rate is not None
        return bool(self.wire) and not (judged_anew or request.length or request.upgrade or request.expects)

    def repeat(self, request_id: str) -> Exchange:
        """One for the same head again."""
        made = Exchange(self._client, self.request, request_id)
        made.route, made.path, made._bare, made._cors = self.route, self.path, self._bare, self._cors
        made._opening = self._opening
        made.wire = self._opening + forward.ending(request_id)
        return made

    def _let_in(self, route: Route, peer: bytes) -> Refusal | None:
        edge, key = self._client.edge, None
        if route.keys is not None:
            key = admission.key_of(route.keys, self.request, time())
            if key is None:
                return answers.KEY_MISSING
            edge.uses.note(key)
        if not route.enabled:
            return answers.DISABLED
        if (refusal := admission.over_rate(route, edge.rates, peer, key, edge.loop.time())) is not None:
            return refusal
        return answers.TOO_LARGE if self.request.length > route.body_bytes else None

    @property
    def target(self) -> bytes:
        """As the worker sees it: by path, what named the worker is not in it."""
        return self.wire.split(b" ", 2)[1]

    @property
    def cors(self) -> Fields:
        return self._cors or ()

    def connect(self) -> None:
        """Get a connection of our own; the client hears `connected` or a refusal."""
        self._task = self._client.edge.spawn(self._connect())

    async def _connect(self) -> None:
        edge = self._client.edge
        try:
            upstream = await edge.pool.connect(self.path, edge.limits.connect_seconds)
        except (Away, Busy) as error:
            self._task = None
            edge.tell("a worker could not be reached", self, repr(error))
            self._client.refuse(answers.BUSY if isinstance(error, Busy) else answers.AWAY)
            return
        self._task = None
        self._client.connected(upstream)

    def send(self, upstream: Upstream, data: bytes) -> None:
        self.upstream = upstream
        upstream.ask(self, data)

    def cancel(self) -> None:
        """The client has gone, or does not wait any longer."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.upstream is not None:
            upstream, self.upstream = self.upstream, None
            if self._tunnel:
                upstream.finish()
            else:
                upstream.give_up()

    # What the upstream calls.

    def interim(self, head: Response) -> None:
        if head.status == 103 and self.request.http11:
            self._client.write(forward.early_hints(head))

    def answered(self, head: Response, length: int) -> None:
        self.answering = True
        request = self.request
        framing = b""
        if self.head_only or head.status in (204, 304):
            if length >= 0 and head.status != 204:
                framing = b"content-length: %d\r\n" % length
        elif length >= 0:
            framing = b"content-length: %d\r\n" % length
        elif request.http11 and length in (CHUNKED, UNTIL_END):
            self._framing = _CHUNKS
            framing = b"transfer-encoding: chunked\r\n"
        else:
            self.close = True
        self.close = self.close or self._client.edge.closing
        if self.close:
            framing += b"connection: close\r\n"
        passed = forward.response_head(head, cors=self._cors, bare=self._bare, framing=framing)
        self._client.write(passed + forward.ending(self.id))
        self._client.progress()

    def tunnelled(self, head: Response) -> bool:
        if not self.request.upgrade:
            return False
        self._tunnel = self.answering = True
        self._client.write(forward.switching(head) + forward.ending(self.id))
        self._client.tunnel()
        return True

    def content(self, data: bytes) -> None:
        client = self._client
        client.write(chunks.encode(data) if self._framing == _CHUNKS else data)
        client.progress()

    def ended(self, *, reusable: bool) -> None:
        upstream, self.upstream = self.upstream, None
        client = self._client
        if upstream is not None:
            if reusable and client.request_complete:
                client.edge.pool.give_back(upstream)
            else:
                upstream.give_up()
        if self._framing == _CHUNKS:
            client.write(chunks.END)
        client.finished(close=self.close)

    def failed(self, why: str, *, heard: bool, malformed: bool) -> None:
        upstream, self.upstream = self.upstream, None
        again = upstream is not None and upstream.reused and not heard and not malformed and self._may_repeat()
        edge = self._client.edge
        if not malformed:
            status = None if self.answering or again else answers.FAILED.status
            edge.lost(self, self._client.waited, websocket=False, status=status, again=again)
        if again:
            self._retried = True
            self._client.again()
            return
        edge.tell("a worker failed", self, why)
        if self.answering:
            self._client.cut_off()
        else:
            self._client.refuse(answers.MALFORMED if malformed else answers.FAILED)

    def _may_repeat(self) -> bool:
        """Once, on a connection that had waited: it may have ended just as we wrote. Only what cannot have been
        carried out, or may be carried out twice (RFC 9110, 9.2.2)."""
        if self._retried or self.replay is None:
            return False
        waits_for_body = not self._client.request_complete and not self.sent_body
        return waits_for_body or self.request.method in _IDEMPOTENT

    def tunnel_ended(self) -> None:
        self.upstream = None
        self._client.edge.lost(self, self._client.waited, websocket=True, status=101)
        self._client.cut_off()

    def upstream_blocked(self) -> None:
        self._client.settle()

    def upstream_free(self) -> None:
        self._client.settle()

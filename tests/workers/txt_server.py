"""A name server that answers TXT questions over TCP, as RFC 1035 writes them."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


def answer_of(question: bytes, texts: list[list[bytes]], code: int = 0, number: int | None = None) -> bytes:
    own = struct.unpack_from(">H", question)[0] if number is None else number
    body = b""
    for strings in texts:
        data = b"".join(bytes([len(each)]) + each for each in strings)
        body += b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data
    return struct.pack(">6H", own, 0x8180 | code, 1, len(texts), 0, 0) + question[12:] + body


@contextmanager
def name_server(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    class Line(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack(">H", self.request.recv(2))
            said = answer(self.request.recv(length))
            self.request.sendall(struct.pack(">H", len(said)) + said)

    with socketserver.TCPServer(("127.0.0.1", 0), Line) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def of_records(records: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """Answers with what `records` has by then."""

    def answer(asked: bytes) -> bytes:
        text = records.get(_name(asked))
        return answer_of(asked, [] if text is None else [[text.encode()]])

    return answer


def _name(asked: bytes) -> str:
    at, labels = 12, []
    while asked[at]:
        labels.append(asked[at + 1 : at + 1 + asked[at]].decode())
        at += 1 + asked[at]
    return ".".join(labels)

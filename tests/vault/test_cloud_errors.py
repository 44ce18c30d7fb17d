"""What a store's refusals become: our words, a hint, and nothing of what the server wrote."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from s3_server import KEY, RELAY, moto

from holdfast.kernel.errors import Denied, DiskFull, HoldfastError, NeedsOperator, Permanent, Retryable
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.s3 import S3Place, s3_store

SECRET = "echoed-SECRET-9f2"
VERBS: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put("data/x", [b"x"]),
    "get": lambda store: store.get("data/x"),
    "list": lambda store: list(store.list("data")),
    "delete": lambda store: store.delete("data/x"),
}
PERMISSIONS = {"put": "s3:PutObject", "get": "s3:GetObject", "list": "s3:ListBucket", "delete": "s3:DeleteObject"}
CASES: list[tuple[int, str, type[HoldfastError], str]] = [
    (403, "AccessDenied", Denied, "store_denied"),
    (403, "SignatureDoesNotMatch", Denied, "store_credentials"),
    (403, "InvalidAccessKeyId", Denied, "store_credentials"),
    (401, "", Denied, "store_credentials"),
    (403, "RequestTimeTooSkewed", NeedsOperator, "store_clock"),
    (403, "QuotaExceeded", DiskFull, "disk_full"),
    (507, "XMinioStorageFull", DiskFull, "disk_full"),
    (429, "", Retryable, "store_busy"),
    (500, "InternalError", Retryable, "store_busy"),
    (503, "SlowDown", Retryable, "store_busy"),
    (301, "PermanentRedirect", NeedsOperator, "store_elsewhere"),
    (501, "NotImplemented", HoldfastError, "store_failed"),
]


class Refusing(BaseHTTPRequestHandler):
    status: ClassVar[int] = 500
    code: ClassVar[str] = ""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = f"<Error><Code>{self.code}</Code><Message>{SECRET} {KEY.secret}</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - the names http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def refusing() -> Iterator[CloudStore]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield s3_store(S3Place(f"http://127.0.0.1:{server.server_port}", "bucket", allow_http=True), KEY, RELAY)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_refusal_becomes_our_word(
    refusing: CloudStore,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    case: tuple[int, str, type[HoldfastError], str],
) -> None:
    status, code, kind, ours = case
    monkeypatch.setattr(Refusing, "status", status)
    monkeypatch.setattr(Refusing, "code", code)
    with pytest.raises(HoldfastError) as raised:
        VERBS[verb](refusing)
    error = raised.value
    assert (type(error), error.code) == (kind, ours)
    assert error.hint or kind is HoldfastError
    told = "".join(traceback.format_exception(error)) + repr(error.as_dict())
    assert SECRET not in told
    assert KEY.secret not in told
    if ours == "store_denied":
        assert error.details == {"missing": PERMISSIONS[verb]}


def test_nobody_listens_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        store = s3_store(S3Place(f"http://127.0.0.1:{free.getsockname()[1]}", "bucket", allow_http=True), KEY, RELAY)
        with pytest.raises(Retryable) as raised:
            store.put("config", [b"x"])
    assert raised.value.code == "store_unreachable"


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.vault.stores.ambient.REQUEST_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = s3_store(S3Place(f"http://127.0.0.1:{silent.getsockname()[1]}", "bucket", allow_http=True), KEY, RELAY)
        with pytest.raises(Retryable) as raised:
            store.get("config")
    assert raised.value.code == "store_timeout"


def test_a_missing_bucket_is_not_a_missing_piece() -> None:
    with moto() as running:
        store = s3_store(S3Place(running.endpoint, "no-such-bucket", allow_http=True), KEY, RELAY)
        for act in (lambda: store.put("config", [b"x"]), lambda: store.get("config")):
            with pytest.raises(NeedsOperator) as raised:
                act()
            assert raised.value.code == "bucket_missing"


def test_a_wrong_name_never_leaves_the_machine(refusing: CloudStore) -> None:
    for name in ("a//b", "a/./b", ".hidden", "data/ü", "a b", "x?y", "../up"):
        with pytest.raises(Permanent, match="not a name"):
            refusing.get(name)

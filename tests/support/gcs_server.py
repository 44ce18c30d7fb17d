"""A server of Google Cloud Storage's XML protocol on a socket, as small as obstore and our own questions need it.

Google ships no emulator, and those of others do not know the XML API's writes; so this is ours, after Google's
reference ("XML API: object requests, multipart uploads", "JSON API: buckets"). It knows tokens (RS256, checked with the
public key), generations, ranges, parts, pages of a listing and permissions, and refuses what it does not know."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Relay
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.gcs import GcsPlace, ServiceAccount, gcs_store

RELAY = Relay(OutboundPolicy(frozenset({ip_network("127.0.0.0/8")})))
EMAIL, KEY_ID, PROJECT = "backups@acme.iam.gserviceaccount.com", "key-1", "acme"
OWNER = frozenset({"create", "get", "list", "delete", "buckets.get", "buckets.list", "buckets.setIamPolicy"})
USER = frozenset({"create", "get", "list", "delete"})
PAGE = 1000


@dataclass
class Bucket:
    """`objects`: (content, generation). `about`: what the JSON API says of it. `outside`: writes beside this prefix are
    refused, when there is one."""

    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    permissions: frozenset[str] = USER
    about: dict[str, Any] = field(default_factory=dict)
    only: str = ""


class GcsServer:
    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.buckets: dict[str, Bucket] = {}
        self.lock = threading.Lock()
        self.generation = 0
        self.endpoint = ""

    def key_file(self, **more: str) -> str:
        """As Google gives one out."""
        text = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        fields = {"type": "service_account", "project_id": PROJECT, "private_key_id": KEY_ID, "private_key": text}
        return json.dumps({**fields, "client_email": EMAIL, **more})

    def bucket(self, permissions: frozenset[str] = USER, **more: Any) -> str:
        name = f"b-{uuid.uuid4().hex}"
        self.buckets[name] = Bucket(permissions=permissions, **more)
        return name

    def place(self, *, prefix: str = "pre/fix", bucket: str | None = None) -> GcsPlace:
        return GcsPlace(bucket or self.bucket(), prefix, self.endpoint, allow_http=True)

    def store(self) -> CloudStore:
        return gcs_store(self.place(), ServiceAccount.of(self.key_file()), RELAY, SystemClock())

    def knows(self, authorization: str) -> bool:
        """Whether this is a token of the service account, signed with its key and not too old."""
        scheme, _, token = authorization.partition(" ")
        try:
            said, _, signature = token.rpartition(".")
            self.key.public_key().verify(_decoded(signature), said.encode(), padding.PKCS1v15(), hashes.SHA256())
            head, claims = (json.loads(_decoded(part)) for part in said.split("."))
        except (ValueError, InvalidSignature):
            return False
        meant = head == {"alg": "RS256", "typ": "JWT", "kid": KEY_ID} and claims["iss"] == claims["sub"] == EMAIL
        return scheme == "Bearer" and meant and claims["iat"] - 60 < time.time() < claims["exp"]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known: GcsServer

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        if not self.known.knows(self.headers.get("authorization", "")):
            self.answer(401, _error("AuthenticationRequired"))
        elif url.path.startswith("/storage/v1/b"):
            self.json(url.path.removeprefix("/storage/v1/b").strip("/"), query)
        else:
            name, _, key = unquote(url.path).strip("/").partition("/")
            with self.known.lock:
                self.xml(self.known.buckets.get(name), key, query, body)

    def xml(self, bucket: Bucket | None, key: str, query: dict[str, list[str]], body: bytes) -> None:
        if bucket is None:
            self.answer(404, _error("NoSuchBucket"))
            return
        verb = {"PUT": "create", "POST": "create", "DELETE": "delete"}.get(self.command, "get") if key else "list"
        if verb not in bucket.permissions or (verb != "list" and not key.startswith(bucket.only)):
            self.answer(403, _error("AccessDenied"))
            return
        if {"uploads", "uploadId"} & query.keys():
            self.do_upload(bucket, key, query, body)
            return
        getattr(self, f"do_{verb}")(bucket, key, query, body)

    def do_upload(self, bucket: Bucket, key: str, query: dict[str, list[str]], body: bytes) -> None:
        """In parts of at least 5 MiB but for the last; the object is there when they are put together."""
        if "uploads" in query:
            upload = uuid.uuid4().hex
            bucket.uploads[upload] = {}
            self.answer(200, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                        "</InitiateMultipartUploadResult>".encode())  # fmt: skip
            return
        parts = bucket.uploads.get(query["uploadId"][0])
        if parts is None:
            self.answer(404, _error("NoSuchUpload"))
        elif self.command == "PUT":
            parts[int(query["partNumber"][0])] = body
            self.answer(200, b"", etag=f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        elif self.command == "DELETE":
            del bucket.uploads[query["uploadId"][0]]
            self.answer(204, b"")
        else:
            numbers = [int(each) for each in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
            if numbers != sorted(parts) or any(len(parts[each]) < 5 << 20 for each in numbers[:-1]):
                self.answer(400, _error("InvalidPart"))
                return
            self.known.generation += 1
            bucket.objects[key] = (b"".join(parts[each] for each in numbers), self.known.generation)
            del bucket.uploads[query["uploadId"][0]]
            etag = f"<ETag>&quot;{self.known.generation}&quot;</ETag>"
            self.answer(200, f"<CompleteMultipartUploadResult>{etag}</CompleteMultipartUploadResult>".encode(),
                        generation=self.known.generation)  # fmt: skip

    def do_create(self, bucket: Bucket, key: str, _: dict[str, list[str]], body: bytes) -> None:
        wanted, there = self.headers.get("x-goog-if-generation-match"), bucket.objects.get(key)
        if wanted is not None and int(wanted) != (there[1] if there else 0):
            self.answer(412, _error("PreconditionFailed"))
            return
        if there is not None and "delete" not in bucket.permissions:
            self.answer(403, _error("AccessDenied"))
            return
        self.known.generation += 1
        bucket.objects[key] = (body, self.known.generation)
        self.answer(200, b"", etag=f'"{self.known.generation}"', generation=self.known.generation)

    def do_get(self, bucket: Bucket, key: str, _: dict[str, list[str]], __: bytes) -> None:
        if (found := bucket.objects.get(key)) is None:
            self.answer(404, _error("NoSuchKey"))
            return
        data, generation = found
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked is None:
            self.answer(200, data, etag=f'"{generation}"', generation=generation)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if first >= len(data):
            self.answer(416, _error("InvalidRange"))
            return
        part = f"bytes {first}-{last}/{len(data)}"
        self.answer(206, data[first : last + 1], etag=f'"{generation}"', generation=generation, content_range=part)

    def do_delete(self, bucket: Bucket, key: str, _: dict[str, list[str]], __: bytes) -> None:
        gone = bucket.objects.pop(key, None)
        self.answer(204 if gone else 404, b"" if gone else _error("NoSuchKey"))

    def do_list(self, bucket: Bucket, _: str, query: dict[str, list[str]], __: bytes) -> None:
        assert query["list-type"] == ["2"]
        prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
        names = sorted(name for name in bucket.objects if name.startswith(prefix) and name > after)
        page, more = names[:PAGE], names[PAGE:]
        listed = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>"
            f"<ETag>&quot;{bucket.objects[name][1]}&quot;</ETag><Size>{len(bucket.objects[name][0])}</Size></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self.answer(200, f"<ListBucketResult>{listed}{token}</ListBucketResult>".encode())

    def json(self, path: str, query: dict[str, list[str]]) -> None:
        name, _, below = path.partition("/")
        bucket = self.known.buckets.get(name)
        if not name:
            allowed = any("buckets.list" in each.permissions for each in self.known.buckets.values())
            self.answer(200 if allowed else 403, b"{}")
        elif bucket is None:
            self.answer(404, b"{}")
        elif below == "iam/testPermissions":
            held = [each for each in query["permissions"] if each.removeprefix("storage.") in bucket.permissions]
            self.answer(200, json.dumps({"permissions": held} if held else {}).encode())
        elif "buckets.get" not in bucket.permissions:
            self.answer(403, b"{}")
        else:
            self.answer(200, json.dumps(bucket.about).encode())

    def answer(self, status: int, body: bytes, *, etag: str = "", generation: int = 0, content_range: str = "") -> None:
        self.send_response(status)
        for name, value in (("etag", etag), ("content-range", content_range), ("x-goog-generation", generation)):
            if value:
                self.send_header(name, str(value))
        self.send_header("last-modified", formatdate(usegmt=True))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 - the names http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _error(code: str) -> bytes:
    return f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@contextlib.contextmanager
def gcs() -> Iterator[GcsServer]:
    known = GcsServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"known": known}))
    server.daemon_threads = True
    known.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""Services that have keys, on real sockets: a Vault's kv and transit, AWS KMS (moto behind a front that proves each
signature with botocore), Google Cloud KMS. They are third parties on the internet; the ciphers in them are real.

And what stock tools do with them: `vault` and `aws` as small programs that ask over HTTP, for RESTORE.md.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from s3_server import KEY, moto

Answer = tuple[int, Mapping[str, Any]]
REGION = "eu-central-1"


@contextmanager
def serving(answer: Callable[[str, str, Mapping[str, str], bytes], Answer]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, found = answer(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            text = json.dumps(found).encode()
            self.send_response(status)
            if status == 307:
                self.send_header("location", "http://127.0.0.1:9/")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class VaultDouble:
    """Answers and status codes are those of Vault 1.21's HTTP API documents."""

    address: str = ""
    namespace: str | None = None
    sealed: bool = False
    moved: bool = False
    token: str = "hvs.of-the-test"
    role: tuple[str, str] = ("role-of-the-test", "secret-id-of-the-test")
    kv: dict[str, list[dict[str, str] | None]] = field(default_factory=dict)
    transit: dict[str, bytes] = field(default_factory=lambda: {"holdfast": os.urandom(32)})
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        path, query = urlsplit(target).path.removeprefix("/v1/"), parse_qs(urlsplit(target).query)
        body = json.loads(content) if content else {}
        self.asked.append(f"{method} {path}")
        if self.moved:
            return 307, {}
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.namespace != headers.get("x-vault-namespace"):
            return 403, {"errors": ["permission denied"]}
        if path == "auth/approle/login":
            if (body.get("role_id"), body.get("secret_id")) != self.role:
                return 400, {"errors": ["invalid role or secret ID"]}
            return 200, {"auth": {"client_token": self.token}}
        if headers.get("x-vault-token") != self.token:
            return 403, {"errors": ["permission denied"]}
        if method == "GET" and path.startswith("secret/data/"):
            return self._read(path.removeprefix("secret/data/"), query)
        if method == "POST" and path.startswith("transit/"):
            return self._transit(*path.split("/")[1:], body)
        return 404, {"errors": []}

    def _read(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        versions = self.kv.get(path, [])
        number = int(query.get("version", [str(len(versions))])[0])
        if not 0 < number <= len(versions) or versions[number - 1] is None:
            return 404, {"errors": []}
        return 200, {"data": {"data": versions[number - 1], "metadata": {"version": number}}}

    def _transit(self, verb: str, name: str, body: Mapping[str, str]) -> Answer:
        if name not in self.transit:
            return 400, {"errors": ["encryption key not found"]}
        cipher = AESGCM(self.transit[name])
        if verb == "encrypt":
            nonce = os.urandom(12)
            sealed = nonce + cipher.encrypt(nonce, base64.b64decode(body["plaintext"], validate=True), None)
            return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode(), "key_version": 1}}
        raw = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"))
        try:
            return 200, {"data": {"plaintext": base64.b64encode(cipher.decrypt(raw[:12], raw[12:], None)).decode()}}
        except InvalidTag:
            return 400, {"errors": ["invalid ciphertext: unable to decrypt"]}


@contextmanager
def vault_double() -> Iterator[VaultDouble]:
    made = VaultDouble()
    with serving(made.answer) as made.address:
        yield made


@dataclass
class KmsFront:
    """`refuse`: an error's word to answer with."""

    address: str
    behind: str
    refuse: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def key(self) -> str:
        """A new one's ARN."""
        client = boto3.client(
            "kms",
            endpoint_url=self.behind,
            region_name=REGION,
            aws_access_key_id=KEY.id,
            aws_secret_access_key=KEY.secret,
        )
        return str(client.create_key()["KeyMetadata"]["Arn"])

    def answer(self, _method: str, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        if not _signed_rightly(path, headers, content):
            return 400, {"__type": "InvalidSignatureException", "message": "it does not match"}
        self.asked.append(json.loads(content))
        if self.refuse:
            return 400, {"__type": f"com.amazonaws.kms#{self.refuse}", "message": "as the test wants"}
        request = urllib.request.Request(self.behind + path, content, dict(headers))  # noqa: S310 - our own moto
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def _signed_rightly(path: str, headers: Mapping[str, str], content: bytes) -> bool:
    """By botocore's own signer, over just the headers that were said to be signed."""
    told = headers["authorization"]
    names = told.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest("POST", f"http://{headers['host']}{path}", {n: headers[n] for n in names}, content)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY.id, KEY.secret), "kms", REGION)
    right = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return f"Credential={KEY.id}/" in told and told.endswith(f"Signature={right}")


@contextmanager
def kms_front() -> Iterator[KmsFront]:
    with moto() as behind:
        made = KmsFront("", behind.endpoint)
        with serving(made.answer) as made.address:
            yield made


class GoogleDouble:
    """Proves the service account's token, and what was bound to the ciphertext."""

    name = "projects/acme/locations/global/keyRings/ring/cryptoKeys/holdfast"

    def __init__(self) -> None:
        self.address, self._secret = "", os.urandom(32)
        self._private = rsa.generate_private_key(65537, 2048)

    def account(self, key: rsa.RSAPrivateKey | None = None) -> str:
        pem = (key or self._private).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        facts = {"type": "service_account", "private_key": pem.decode(), "client_email": "a@b.example"}
        return json.dumps({**facts, "private_key_id": "k1"})

    def answer(self, _method: str, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        head, _, signature = headers.get("authorization", "").removeprefix("Bearer ").rpartition(".")
        try:
            raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            self._private.public_key().verify(raw, head.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return 401, {"error": {"code": 401}}
        name, _, verb = path.removeprefix("/v1/").rpartition(":")
        if name != self.name:
            return 404, {"error": {"code": 404}}
        body, cipher = json.loads(content), AESGCM(self._secret)
        bound = base64.b64decode(body["additionalAuthenticatedData"])
        if verb == "encrypt":
            nonce = os.urandom(12)
            made = nonce + cipher.encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
            return 200, {"name": f"{name}/cryptoKeyVersions/1", "ciphertext": base64.b64encode(made).decode()}
        raw = base64.b64decode(body["ciphertext"])
        try:
            return 200, {"plaintext": base64.b64encode(cipher.decrypt(raw[:12], raw[12:], bound)).decode()}
        except InvalidTag:
            return 400, {"error": {"code": 400}}


@contextmanager
def google_double() -> Iterator[GoogleDouble]:
    made = GoogleDouble()
    with serving(made.answer) as made.address:
        yield made


_VAULT = """#!{python}
import json, os, sys, urllib.request
from urllib.parse import quote
def ask(path, body=None):
    headers = {{"X-Vault-Token": os.environ["VAULT_TOKEN"]}}
    if os.environ.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = os.environ["VAULT_NAMESPACE"]
    data = json.dumps(body).encode() if body is not None else None
    url = os.environ["VAULT_ADDR"] + "/v1/" + path
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)["data"]
flags = dict(each[1:].split("=", 1) for each in sys.argv if each.startswith("-"))
words = [each for each in sys.argv[1:] if not each.startswith("-")]
if words[0] == "write":
    found = ask(words[1], dict(each.split("=", 1) for each in words[2:]))
else:
    assert words[:2] == ["kv", "get"], words
    found = ask(flags["mount"] + "/data/" + quote(words[2]) + "?version=" + flags["version"])["data"]
print(found[flags["field"]], end="" if not sys.stdout.isatty() else "\\n")
"""
_AWS = """#!{python}
import base64, sys, boto3
words = sys.argv[1:]
assert words[:2] == ["kms", "decrypt"], words
said = dict(zip(words[2::2], words[3::2]))
assert (said["--output"], said["--query"]) == ("text", "Plaintext")
assert said["--ciphertext-blob"].startswith("fileb://")
blob = open(said["--ciphertext-blob"].removeprefix("fileb://"), "rb").read()
context = dict(each.split("=", 1) for each in said["--encryption-context"].split(","))
client = boto3.client("kms", endpoint_url=said["--endpoint-url"], region_name=said["--region"])
found = client.decrypt(CiphertextBlob=blob, KeyId=said["--key-id"], EncryptionContext=context)
print(base64.b64encode(found["Plaintext"]).decode())
"""


def tools_in(folder: Path) -> Path:
    """A directory for PATH with `vault` and `aws`."""
    folder.mkdir()
    for name, text in (("vault", _VAULT), ("aws", _AWS)):
        (folder / name).write_text(text.format(python=sys.executable))
        (folder / name).chmod(stat.S_IRWXU)
    return folder

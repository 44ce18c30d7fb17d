"""OpenID Connect Core 1.0, the code flow with PKCE, over http on 127.0.0.1: discovery to userinfo.

`Provider.wrong` changes one thing at a time; what it may hold is in `WRONGS`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT, SECRET = "holdfast", "s3cret/with+odd:characters&more"
WRONGS = frozenset(
    {"nonce", "no_nonce", "audience", "two_audiences", "azp", "issuer", "expired", "future", "old", "unsigned", "hmac"}
    | {"another_key", "unverified", "no_email", "verified_as_text", "at_hash", "no_at_hash", "auth_time", "no_sub"}
    | {"long_sub", "userinfo_other", "claims_in_userinfo", "error", "error_text", "iss_other", "no_id_token"}
    | {"garbage", "redirect", "huge", "status", "discovery_issuer", "discovery_endpoint", "discovery_http"}
    | {"no_pkce", "weak_algorithms", "no_keys", "private_keys", "two_keys"}
)


@dataclass
class Person:
    """Who sits at the browser."""

    sub: str = "248289761001"
    email: str = "jane@example.org"
    name: str = "Jane Doe"
    groups: list[str] = field(default_factory=list)
    password_typed_at: float | None = None


@cache
def _rsa(number: int) -> dict[str, Any]:
    """Making one takes a tenth of a second."""
    return RSAKey.generate_key(2048).as_dict(private=True)


class Provider:
    """State of the provider; the handler below speaks for it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.person = Person()
        self.wrong: set[str] = set()
        self.names_itself = True
        self.asked: list[str] = []
        self.authorizations: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, Person] = {}
        self.keys: list[RSAKey | ECKey] = []
        self.issuer = ""
        self.rotate()

    def rotate(self, kind: str = "RSA") -> None:
        """From now on another key signs; the one before is gone."""
        kid = secrets.token_hex(4)
        if kind == "RSA":
            self.keys = [RSAKey.import_key(_rsa(len(self.asked)), {"kid": kid, "use": "sig", "alg": "RS256"})]
        else:
            self.keys = [ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})]

    def is_wrong(self, what: str) -> bool:
        assert what in WRONGS, what
        return what in self.wrong

    @property
    def algorithm(self) -> str:
        return "RS256" if isinstance(self.keys[0], RSAKey) else "ES256"

    def discovery(self) -> dict[str, Any]:
        at = self.issuer
        found = {
            "issuer": at + ("/" if self.is_wrong("discovery_issuer") else ""),
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/keys",
            "userinfo_endpoint": f"{at}/userinfo",
            "id_token_signing_alg_values_supported": [self.algorithm, "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": self.names_itself,
        }
        if self.is_wrong("discovery_endpoint"):
            found["token_endpoint"] = "http://169.254.169.254/latest/meta-data"
        if self.is_wrong("discovery_http"):
            found["jwks_uri"] = "file:///etc/passwd"
        if self.is_wrong("no_pkce"):
            found["code_challenge_methods_supported"] = ["plain"]
        if self.is_wrong("weak_algorithms"):
            found["id_token_signing_alg_values_supported"] = ["HS256", "none"]
        return found

    def jwks(self) -> dict[str, Any]:
        private = self.is_wrong("private_keys")
        keys = [] if self.is_wrong("no_keys") else [key.as_dict(private=private) for key in self.keys]
        if self.is_wrong("two_keys"):
            keys += [{"kty": "oct", "k": "AAAA"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-999"}, {}, 7, "x"]
        return {"keys": keys}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to, as someone who is signed in here already."""
        self.authorizations.append(query)
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        if self.is_wrong("error"):
            answer = {"error": "access_denied", "error_description": "<script>alert(1)</script>"}
        elif self.is_wrong("error_text"):
            answer = {"error": "<b>call this number</b>"}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = {**query, "person": self.person}
            answer = {"code": code}
        answer["state"] = query["state"]
        if self.names_itself:
            answer["iss"] = "https://evil.example" if self.is_wrong("iss_other") else self.issuer
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], basic: str | None) -> tuple[int, dict[str, Any]]:
        """RFC 6749 section 4.1.3, RFC 7636 section 4.6: the client, the code once, its redirect URI, its verifier."""
        client, secret = form.get("client_id"), form.get("client_secret")
        if basic is not None:
            client, _, secret = base64.b64decode(basic).decode().partition(":")
        if (client, secret) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        known = self.codes.pop(form.get("code", ""), None)
        if known is None or form.get("grant_type") != "authorization_code":
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            challenge.decode().rstrip("=") != known["code_challenge"]
            or form.get("redirect_uri") != known["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(24)
        self.tokens[access] = known["person"]
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        if not self.is_wrong("no_id_token"):
            answer["id_token"] = self.id_token(known, access)
        return 200, answer

    def id_token(self, asked: dict[str, Any], access: str) -> str:
        person: Person = asked["person"]
        now = int(self.now().timestamp())
        typed = person.password_typed_at
        if "max_age" in asked and not self.is_wrong("auth_time"):
            typed = now
        claims: dict[str, Any] = {"iss": self.issuer, "sub": person.sub, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"], "name": person.name, "groups": person.groups}
        claims |= {"email": person.email, "email_verified": not self.is_wrong("unverified")}
        claims["at_hash"] = half_hash("another" if self.is_wrong("at_hash") else access)
        if typed is not None:
            claims["auth_time"] = typed
        changes: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"},
            "audience": {"aud": "someone-else"},
            "two_audiences": {"aud": [CLIENT, "someone-else"]},
            "azp": {"aud": [CLIENT, "someone-else"], "azp": "someone-else"},
            "issuer": {"iss": "https://evil.example"},
            "expired": {"exp": now - 31},
            "future": {"iat": now + 300, "nbf": now + 300},
            "old": {"iat": now - 3600},
            "verified_as_text": {"email_verified": "yes"},
            "long_sub": {"sub": "x" * 256},
        }
        for what in self.wrong & changes.keys():
            claims |= changes[what]
        gone = {"no_nonce": "nonce", "no_email": "email", "no_sub": "sub", "no_at_hash": "at_hash"}
        for what in self.wrong & gone.keys():
            del claims[gone[what]]
        if self.is_wrong("claims_in_userinfo"):
            for name in ("email", "email_verified", "groups", "name"):
                del claims[name]
        return self.signed(claims)

    def signed(self, claims: dict[str, Any]) -> str:
        key = self.keys[0]
        header = {"alg": self.algorithm, "kid": key.kid, "typ": "JWT"}
        if self.is_wrong("unsigned"):
            parts = [json.dumps(part).encode() for part in ({**header, "alg": "none"}, claims)]
            return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        if self.is_wrong("hmac"):
            registry = JWSRegistry(algorithms=["HS256"])
            octets = OctKey.import_key(SECRET)
            return jws.serialize_compact({**header, "alg": "HS256"}, json.dumps(claims), octets, registry=registry)
        if self.is_wrong("another_key"):
            key = RSAKey.generate_key(2048)
        return jwt.encode(header, claims, key, [self.algorithm])

    def userinfo(self, bearer: str) -> tuple[int, dict[str, Any]]:
        person = self.tokens.get(bearer)
        if person is None:
            return 401, {"error": "invalid_token"}
        sub = "someone-else" if self.is_wrong("userinfo_other") else person.sub
        verified = not self.is_wrong("unverified")
        said = {"sub": sub, "email": person.email, "email_verified": verified, "name": person.name}
        if self.is_wrong("no_email"):
            del said["email"]
        return 200, {**said, "groups": person.groups}


def half_hash(access_token: str) -> str:
    """OpenID Connect Core 1.0 section 3.1.3.6, for the 256-bit algorithms."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).decode().rstrip("=")


@contextmanager
def running(now: Callable[[], datetime]) -> Iterator[Provider]:
    provider = Provider(now)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            at = urlsplit(self.path)
            provider.asked.append(at.path)
            query = {name: values[0] for name, values in parse_qs(at.query).items()}
            if at.path == "/authorize":
                self._answer(302, {}, {"Location": provider.authorize(query)})
            elif at.path == "/.well-known/openid-configuration":
                self._json(200, provider.discovery())
            elif at.path == "/keys":
                self._json(200, provider.jwks())
            elif at.path == "/userinfo":
                bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
                self._json(*provider.userinfo(bearer))
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
            scheme, _, basic = self.headers.get("authorization", "").partition(" ")
            self._json(*provider.token(form, basic if scheme.lower() == "basic" else None))

        def _json(self, status: int, body: dict[str, Any]) -> None:
            headers = {"Content-Type": "application/json"}
            if provider.is_wrong("redirect"):
                status, headers["Location"] = 302, "http://169.254.169.254/"
            if provider.is_wrong("status"):
                status, body = 500, {"error": "server_error", "error_description": "secret inside"}
            data: Any = b"[]" if provider.is_wrong("garbage") else body
            self._answer(status, b" " * 600_000 if provider.is_wrong("huge") else data, headers)

        def _answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A mail server that speaks SMTP (RFC 5321) on a socket, and a receiver of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from certificates import Pair


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


@dataclass
class Letter:
    """As it arrived: the envelope, whether the line was encrypted, who had signed in, the bytes."""

    sender: str
    to: list[str]
    tls: bool
    login: tuple[str, str] | None
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    def text(self, kind: str = "plain") -> str:
        body = self.mail.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class MailServer:
    """`answers`: verb ("MAIL", "RCPT", "DATA", ".", "AUTH", "220") -> what it says instead; "hang" says nothing until
    the server ends; "drip" a byte at a time, for ever."""

    tls: Pair | None = None
    at_once: bool = False  # TLS from the first byte
    login: tuple[str, str] | None = None
    answers: dict[str, str] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> MailServer:
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._context = _context(self.tls) if self.tls else None
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True, name="mail server").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # otherwise the waiting accept takes one more
        self._listener.close()
        for each in self._open:
            each.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            threading.Thread(target=self._session, args=(client,), daemon=True).start()

    def _session(self, client: socket.socket) -> None:
        try:
            if self.at_once and self._context:
                client = self._context.wrap_socket(client, server_side=True)
                self._open.append(client)
            _Session(self, client, encrypted=self.at_once).run()
        except (OSError, ValueError):
            return
        finally:
            client.close()


class _Session:
    def __init__(self, server: MailServer, client: socket.socket, *, encrypted: bool) -> None:
        self.server, self.client, self.tls = server, client, encrypted
        self.file = client.makefile("rb")
        self.login: tuple[str, str] | None = None

    def say(self, text: str) -> None:
        if text == "hang":
            self.server._over.wait()
        elif text == "drip":
            while not self.server._over.wait(0.05):
                self.client.sendall(b"2")
        else:
            self.client.sendall(text.encode() + b"\r\n")

    def run(self) -> None:
        self.say(self.server.answers.get("220", "220 mail.example.org ready"))
        sender, to = "", list[str]()
        while line := self.file.readline():
            verb, _, rest = line.decode("ascii").strip().partition(" ")
            verb = verb.upper()
            said = self.server.answers.get(f"{verb} {rest}", self.server.answers.get(verb))
            if said is not None:
                self.say(said)
                continue
            if verb == "EHLO":
                offers = ["mail.example.org"]
                offers += ["STARTTLS"] if self.server._context and not self.tls else []
                offers += ["AUTH PLAIN LOGIN"] if self.server.login else []
                for each in offers[:-1]:
                    self.say(f"250-{each}")
                self.say(f"250 {offers[-1]}")
            elif verb == "STARTTLS" and self.server._context:
                self.say("220 go on")
                self.client = self.server._context.wrap_socket(self.client, server_side=True)
                self.server._open.append(self.client)
                self.file, self.tls = self.client.makefile("rb"), True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                right = (user, password) == self.server.login
                self.login = (user, password) if right else None
                self.say("235 welcome" if right else "535 5.7.8 wrong")
            elif verb == "MAIL":
                sender, to = rest.partition(":")[2].partition(">")[0].strip("<"), []
                self.say("250 ok")
            elif verb == "RCPT":
                to.append(rest.partition(":")[2].strip("<>"))
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                raw = b""
                while (part := self.file.readline()) not in (b".\r\n", b""):
                    raw += part[1:] if part.startswith(b"..") else part
                if said := self.server.answers.get("."):
                    self.say(said)
                    continue
                self.server.letters.append(Letter(sender, to, self.tls, self.login, raw))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok" if verb in ("RSET", "NOOP") else "502 what?")


@dataclass
class Hook:
    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """`answers`: what the next calls are told, as (status, headers); then 200. "hang" never answers."""

    def __init__(self, tls: Pair | None = None) -> None:
        self.seen: list[Hook] = []
        self.answers: list[Any] = []
        self._tls = tls
        self._over = threading.Event()

    def __enter__(self) -> Hooks:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append(Hook(self.path, headers, body))
                answer = outer.answers.pop(0) if outer.answers else (200, {})
                if answer == "hang":
                    outer._over.wait()
                    return
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if self._tls:
            self._server.socket = _context(self._tls).wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/in?token=unseen-by-listings"


def genuine(hook: Hook, secret: str) -> bool:
    """As the specification has it, written a second time."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{hook.headers['webhook-id']}.{hook.headers['webhook-timestamp']}.".encode() + hook.body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return wanted in hook.headers["webhook-signature"].split(" ")

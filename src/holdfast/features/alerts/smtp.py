"""Mail over SMTP (RFC 5321, STARTTLS by RFC 3207), to a checked and pinned address, within one deadline.

The name is resolved once, each of its addresses judged as for every outbound call, and the connection goes to one of
them; TLS checks the certificate against the name. Without TLS mail goes to this very machine only.
"""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any

from holdfast.features.alerts.outcome import Outcome
from holdfast.features.alerts.text import line
from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound import OutboundPolicy, Refused
from holdfast.kernel.outbound_transport import trusted
from holdfast.kernel.outbound_url import target_of

SECURITY = ("starttls", "tls", "none")
DEADLINE, WAIT = 45.0, 20.0
_LATER = frozenset({421, 454, 530, 534, 535, 538})  # a login that is wrong may be put right


def tls_context(ca: str | None) -> ssl.SSLContext:
    """The authorities of this machine, or only the given one. Raises Invalid for what is no certificate."""
    if not ca:
        return trusted()
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise Invalid("the certificate authority is not a certificate in PEM", code="ca_invalid") from None
    return context


def send(
    mail: EmailMessage,
    config: Mapping[str, Any],
    password: str | None,
    policy: OutboundPolicy,
    *,
    deadline: float = DEADLINE,
) -> Outcome:
    """Never raises for what the server or the network does. Part of the recipients refused is a failure that is told,
    and not tried again: the others have it."""
    try:
        addresses = _checked(config, policy)
    except Refused as refused:
        return Outcome.failed(refused.message, hint=refused.hint, again=False)
    except OSError as error:
        return Outcome.failed(f"{line(config['host'])} cannot be found: {line(error)}")
    late = threading.Event()
    outcome = _sent(mail, config, password, addresses, deadline, late)
    if late.is_set() and not outcome.ok:
        return Outcome.failed(f"the mail server had not finished after {deadline:.0f} seconds")
    return outcome


def _sent(
    mail: EmailMessage,
    config: Mapping[str, Any],
    password: str | None,
    addresses: list[str],
    deadline: float,
    late: threading.Event,
) -> Outcome:
    try:
        with _session(config, addresses, deadline, late) as server:
            if config.get("username"):
                _login(server, config["username"], password or "")
            refused_ones = server.send_message(mail, config["from"], list(config["to"]))
            if late.is_set():  # cut off in the middle of an answer, which then looks like a whole one
                return Outcome.failed("cut off")
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return _refused(code, text, "no recipient was accepted")
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error, "the mail server refused")
    except smtplib.SMTPNotSupportedError as error:
        hint = "It offers neither what was asked for; try another port or --security."
        return Outcome.failed(line(error, 300), hint=hint, again=False)
    except ssl.SSLCertVerificationError as error:
        return Outcome.failed(f"the mail server's certificate is not trusted: {line(error.verify_message)}", hint=_CA)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Outcome.failed(f"the mail server: {line(error, 300) or type(error).__name__}")
    if refused_ones:
        names = ", ".join(sorted(line(name, 60) for name in refused_ones))
        return Outcome.failed(f"accepted, but not for {names}", again=False)
    return Outcome(True, 250, "accepted")


_CA = "A server with an authority of your own: give its certificate with --ca."


def _checked(config: Mapping[str, Any], policy: OutboundPolicy) -> list[str]:
    """Addresses that may be connected to. Raises Refused, OSError."""
    host, port = str(config["host"]), int(config["port"])
    shown = f"[{host}]" if ":" in host else host
    policy.check(target_of(f"http://{shown}:{port}/"))
    found = policy.addresses(host, port)
    if config["security"] == "none" and not all(ip_address(each).is_loopback for each in found):
        raise Refused("mail without TLS goes to this machine only", reason="plain_smtp", host=host)
    return found


class _Pinned:
    """Mixed into smtplib's classes: where they connect, and when all of it has to be over."""

    addresses: list[str]

    def _plain(self, port: int, timeout: float) -> socket.socket:
        last: OSError | None = None
        for address in self.addresses:
            try:
                return socket.create_connection((address, port), min(timeout, WAIT))
            except OSError as error:
                last = error
        raise last or OSError("no address")


class _Smtp(_Pinned, smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 - smtplib's
        return self._plain(port, timeout)


class _Smtps(_Pinned, smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._plain(port, timeout)
        try:
            return self.context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


@contextmanager
def _session(
    config: Mapping[str, Any], addresses: list[str], deadline: float, late: threading.Event
) -> Iterator[smtplib.SMTP]:
    """Greeted, and encrypted as asked for. A server that answers a byte at a time is cut off at the deadline."""
    host, port, security = str(config["host"]), int(config["port"]), config["security"]
    context = tls_context(config.get("ca"))
    server: _Smtp | _Smtps
    wait = min(WAIT, deadline)
    if security == "tls":
        server = _Smtps(timeout=wait, local_hostname="holdfast.invalid", context=context)
    else:
        server = _Smtp(timeout=wait, local_hostname="holdfast.invalid")
    server.addresses = addresses
    vars(server)["_host"] = host  # smtplib's own: the name that STARTTLS checks the certificate against
    over = threading.Timer(deadline, _cut, (server, late))
    over.daemon = True
    over.start()
    try:
        code, text = server.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        server.ehlo_or_helo_if_needed()
        if security == "starttls":
            code, text = server.starttls(context=context)
            if code != 220:
                raise smtplib.SMTPResponseException(code, text)
            server.ehlo()
        yield server
        _quit(server)
    finally:
        over.cancel()
        server.close()


def _login(server: smtplib.SMTP, user: str, password: str) -> None:
    """AUTH PLAIN (RFC 4616) or LOGIN, in UTF-8: smtplib's own takes ASCII alone. Raises SMTPException."""
    offered = server.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, said = server.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}")
    elif "LOGIN" in offered:
        code, said = server.docmd("AUTH", f"LOGIN {_base64(user)}")
        if code == 334:
            code, said = server.docmd(_base64(password))
    else:
        raise smtplib.SMTPNotSupportedError("the mail server offers no way to sign in")
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, said)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _quit(server: smtplib.SMTP) -> None:
    """The mail is the server's by now: a goodbye that fails changes nothing."""
    try:
        server.docmd("QUIT")
    except (smtplib.SMTPException, OSError):
        return


def _cut(server: smtplib.SMTP, late: threading.Event) -> None:
    late.set()
    try:
        if server.sock is not None:
            server.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _refused(code: int, text: bytes | str, what: str) -> Outcome:
    said = line(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, 300)
    again = not 500 <= code < 600 or code in _LATER
    hint = "Check the user name and the password." if code in (530, 534, 535, 538) else None
    return Outcome(False, code, said, f"{what}: {code} {said}", hint, again)

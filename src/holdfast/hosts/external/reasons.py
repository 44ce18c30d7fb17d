"""Why a server that is not ours could not be reached: one class, code and hint for each reason."""

from __future__ import annotations

import errno
import ssl

from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.outbound_url import Refused

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_EXPIRED, _NOT_YET, _NAME, _ADDRESS = 10, 9, 62, 64


def unresolved(host: str) -> Retryable:
    return Retryable(
        f"the name {host!r} does not resolve",
        code="host_unresolved",
        hint="See that the name is right and that this machine's resolver knows it.",
        details={"host": host},
    )


def forbidden(error: Refused, host: str, port: int) -> NeedsOperator:
    """The address itself stays in our log: telling it would map the inside of the network."""
    return NeedsOperator(
        f"{host}:{port} leads to an address that is not called from here",
        code="address_refused",
        hint=f"Private networks are opened by the operator: HOLDFAST_OUTBOUND_ALLOW={host}:{port} (or a network). "
        "Metadata addresses and our own listeners never are.",
        details={"host": error.details.get("host", host)},
    )


def unreachable(error: BaseException, host: str, port: int) -> HoldfastError:
    details = {"host": host, "port": port}
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return Retryable(
            f"nothing listens at {host}:{port}",
            code="port_closed",
            hint="Start the server, or correct the port; a firewall may refuse this machine.",
            details=details,
        )
    if isinstance(error, TimeoutError):
        return Retryable(
            f"{host}:{port} does not answer",
            code="server_silent",
            hint="A firewall may drop our packets, or the machine is down.",
            details=details,
        )
    return Retryable(f"{host}:{port} cannot be reached: {_words(error)}", code="server_unreachable", details=details)


def hung_up(host: str, port: int) -> Retryable:
    return Retryable(
        f"{host}:{port} hangs up without a word",
        code="server_hung_up",
        hint="See that it is the database server's own port; its log may say why.",
        details={"host": host, "port": port},
    )


def no_tls(host: str) -> NeedsOperator:
    return NeedsOperator(
        f"{host} speaks no TLS",
        code="tls_unsupported",
        hint="Switch TLS on at the server, or register it with --tls disable (nothing is encrypted then).",
    )


def bad_material(error: Exception) -> NeedsOperator:
    return NeedsOperator(
        f"the certificate, key or CA stored for it cannot be used: {_words(error)}",
        code="tls_material",
        hint="Give PEM files: a CA, a certificate, and its key without a passphrase.",
    )


def tls_failed(error: BaseException, host: str) -> HoldfastError:
    """Any failure of the handshake, and of the first read after it (where TLS 1.3 tells about a client certificate)."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error, host)
    text = _words(error)
    if isinstance(error, ssl.SSLError) and ("CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text):
        return NeedsOperator(
            f"{host} wants a client certificate",
            code="tls_client_certificate",
            hint="Register it with --tls-cert and --tls-key.",
        )
    if isinstance(error, ssl.SSLError) and "ALERT" in text:
        return NeedsOperator(
            f"{host} refused our TLS: {text}",
            code="tls_refused",
            hint="Look at the server's own log; a client certificate it does not know is the usual reason.",
        )
    return Retryable(f"the TLS handshake with {host} failed: {text}", code="tls_failed")


def _unverified(error: ssl.SSLCertVerificationError, host: str) -> NeedsOperator:
    code = error.verify_code
    if code in (_EXPIRED, _NOT_YET):
        word = "has expired" if code == _EXPIRED else "is not valid yet"
        return NeedsOperator(
            f"{host}'s certificate {word}", code="tls_expired", hint="Renew the server's certificate, or set the clock."
        )
    if code in (_NAME, _ADDRESS) or "ostname mismatch" in str(error) or "IP address mismatch" in str(error):
        return NeedsOperator(
            f"the certificate shown is not for {host!r}",
            code="tls_name_mismatch",
            hint="Register the name the certificate holds, or use --tls verify-ca where names cannot match.",
        )
    return NeedsOperator(
        f"{host}'s certificate is not signed by a CA known here: {error.verify_message}",
        code="tls_untrusted",
        hint="Give the server's CA with --tls-ca.",
    )


def ssh_key_changed(host: str, shown: str) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server {host} shows another host key than the one registered",
        code="ssh_host_key_changed",
        hint="Somebody may stand in between. When the key was really replaced, register it anew with --ssh-host-key.",
        details={"shown": shown},
    )


def ssh_login(host: str) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server {host} refused our login",
        code="ssh_login_refused",
        hint="See that the user exists and knows our public key, or the password is right.",
    )


def ssh_failed(error: BaseException, host: str) -> Retryable:
    return Retryable(f"the SSH tunnel through {host} failed: {_words(error)}", code="ssh_failed")


def forward_refused(error: BaseException, host: str, port: int) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server could not connect to {host}:{port}: {_words(error)}",
        code="ssh_forward_refused",
        hint="The database must be reachable from the SSH server, and AllowTcpForwarding on there.",
    )


def _words(error: BaseException) -> str:
    """The library's own, one line, without the place in its source."""
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().splitlines()[0][:200] if str(text).strip() else type(error).__name__

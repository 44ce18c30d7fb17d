"""Why a server that is not ours could not be reached: one class, code and hint for each reason."""

from __future__ import annotations

import ssl

from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.outbound_dial import words

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_EXPIRED, _NOT_YET, _NAME, _ADDRESS = 10, 9, 62, 64


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
        f"the certificate, key or CA stored for it cannot be used: {words(error)}",
        code="tls_material",
        hint="Give PEM files: a CA, a certificate, and its key without a passphrase.",
    )


def tls_failed(error: BaseException, host: str) -> HoldfastError:
    """Any failure of the handshake, and of the first read after it (where TLS 1.3 tells about a client certificate)."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unverified(error, host)
    text = words(error)
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


def forward_refused(error: BaseException, host: str, port: int) -> NeedsOperator:
    return NeedsOperator(
        f"the SSH server could not connect to {host}:{port}: {words(error)}",
        code="ssh_forward_refused",
        hint="The database must be reachable from the SSH server, and AllowTcpForwarding on there.",
    )

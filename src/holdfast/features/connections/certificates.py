"""Certificates of open doors: uploaded ones, or ones of this installation's own authority (X.509, RFC 5280)."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.kernel.errors import Invalid, NotFound
from holdfast.kernel.secrets import SYSTEM, Secrets

_OWNER, _CERTIFICATE, _KEY = "tls-authority", "certificate", "private_key"
_AUTHORITY_YEARS, _DAYS = 20, 397
_SLACK = timedelta(hours=1)  # clocks of clients differ


class Authority:
    """The installation's own. Its key is a sealed secret and signs nothing but doors' certificates."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def certificate(self, conn: sa.Connection) -> str:
        """PEM; "" while no door was ever opened."""
        try:
            return self._secrets.get(conn, SYSTEM, _OWNER, _CERTIFICATE)
        except NotFound:
            return ""

    def issue(self, conn: sa.Connection, names: Sequence[str], now: datetime) -> tuple[str, str]:
        """(chain, private key) in PEM for these host names and addresses. Makes the authority the first time."""
        ca, ca_key = self._load(conn, now)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        builder = _builder(subject, ca.subject, key.public_key(), now, timedelta(days=_DAYS))
        builder = (
            builder.add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        made = builder.sign(ca_key, hashes.SHA256())
        return _pem(made) + _pem(ca), _key_pem(key)

    def _load(self, conn: sa.Connection, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        text = self.certificate(conn)
        if text:
            key = serialization.load_pem_private_key(
                self._secrets.get(conn, SYSTEM, _OWNER, _KEY).encode(), password=None
            )
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise Invalid("the authority's key is of an unknown kind", code="authority_invalid")
            return x509.load_pem_x509_certificate(text.encode()), key
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Holdfast databases")])
        builder = _builder(name, name, key.public_key(), now, timedelta(days=365 * _AUTHORITY_YEARS))
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        made = builder.sign(key, hashes.SHA256())
        self._secrets.put(conn, SYSTEM, _OWNER, _CERTIFICATE, _pem(made))
        self._secrets.put(conn, SYSTEM, _OWNER, _KEY, _key_pem(key))
        return made, key


def check_uploaded(chain: str, key: str, now: datetime) -> None:
    """Raises Invalid (code "certificate_invalid") unless the key is the first certificate's, and that is in date."""
    try:
        first = x509.load_pem_x509_certificates(chain.encode())[0]
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, IndexError, InvalidSignature) as error:
        raise _wrong("certificate and key must be PEM, the key without a passphrase") from error
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise _wrong("the key is not the certificate's")
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        raise _wrong("the certificate is not in date")


def ends_at(chain: str) -> datetime:
    return x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc


def context_of(chain: str, key: str, alpn: Sequence[str]) -> ssl.SSLContext:
    """A server's context, TLS 1.2 or newer. The key passes through a pipe of memory, never a file on a disk."""
    import os

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, (chain + key).encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _wrong(message: str) -> Invalid:
    return Invalid(message, code="certificate_invalid", details={"fields": [{"field": "key", "message": message}]})

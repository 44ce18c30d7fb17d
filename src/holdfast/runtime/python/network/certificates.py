"""The certificates that the machine trusts, for TLS contexts made inside, where not each of their files is seen."""

from __future__ import annotations

import os
import ssl

_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_kept: list[str] = []  # PEM


def remember() -> None:
    """Read them before the walls stand, in a process that forks workers: SSL_CERT_FILE, or where systems have them."""
    found = ssl.get_default_verify_paths()
    for path in (found.cafile or _PLACES[0], *_PLACES):
        try:
            with open(path, encoding="ascii", errors="ignore") as file:
                text = file.read()
        except OSError:
            continue
        if "-----BEGIN CERTIFICATE-----" in text:
            _kept[:] = [text]
            return


def install() -> None:
    """`ssl.create_default_context()` trusts what `fetch` trusts, also where the files are out of sight."""
    plain = ssl.SSLContext.load_default_certs

    def load_default_certs(self: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
        plain(self, purpose)
        if _kept and not _seen(self):
            self.load_verify_locations(cadata=_kept[0])

    setattr(ssl.SSLContext, "load_default_certs", load_default_certs)  # noqa: B010 - a method of a class


def _seen(context: ssl.SSLContext) -> bool:
    """Whether it has certificates, or a directory to look for one when it is asked for."""
    if context.cert_store_stats()["x509_ca"]:
        return True
    directory = ssl.get_default_verify_paths().capath
    try:
        return bool(directory) and any(os.scandir(directory))
    except OSError:
        return False

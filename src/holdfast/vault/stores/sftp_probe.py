"""What a login on an SFTP server may do with the place of a repository: what it lacks, and what it could do without."""

from __future__ import annotations

from holdfast.kernel.errors import Conflict
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.sizes import size_text
from holdfast.vault.stores.findings import Finding, Report, used
from holdfast.vault.stores.sftp import SftpStore
from holdfast.vault.stores.sftp_line import once
from holdfast.vault.stores.sftp_place import SftpPlace

_LITTLE = 1024**3


def require_host_key(place: SftpPlace, policy: OutboundPolicy) -> None:
    """Raises Conflict (code "ssh_host_key_unconfirmed") with the key the server shows now, when none was given."""
    if place.host_key:
        return
    from holdfast.kernel.ssh import shown_host_key

    target = place.target
    key, fingerprint = once(shown_host_key(policy, target.host, place.port))
    raise Conflict(
        f"the host key of {place.host} is not confirmed: it shows {fingerprint}",
        code="ssh_host_key_unconfirmed",
        hint="Compare it with the server's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then give it.",
        details={"host_key": key, "fingerprint": fingerprint},
    )


def probe_sftp(place: SftpPlace, store: SftpStore) -> Report:
    """Try everything with pieces of our own, which are removed. Raises as `probe_s3` does."""
    return Report((*used(store), _shell(store), _outside(place, store), _room(store), _versions()))


def _shell(store: SftpStore) -> Finding:
    if store.line.shell():
        hint = "Put `ForceCommand internal-sftp` for this user into sshd_config: a repository needs no shell."
        return Finding("credential", "excess", "the login may run commands too", hint)
    return Finding("credential", "ok", "the login runs no commands")


def _outside(place: SftpPlace, store: SftpStore) -> Finding:
    if place.root and store.sees("/etc/passwd"):
        hint = "Give this user a root of its own: `ChrootDirectory` in sshd_config."
        return Finding("list_outside", "excess", "the login sees the whole machine", hint)
    return Finding("list_outside", "ok", "the machine outside the login's root is not seen")


def _room(store: SftpStore) -> Finding:
    free = store.free()
    if free is None:
        return Finding("free", "unknown", "the server does not tell how much room is left")
    if free < _LITTLE:
        return Finding("free", "note", f"only {size_text(free)} are free", "Snapshots fail when the server is full.")
    return Finding("free", "ok", f"{size_text(free)} are free")


def _versions() -> Finding:
    hint = "Snapshots of the server's own file system would: whoever steals this login could delete every snapshot."
    return Finding("versioning", "note", "an SFTP server does not keep what is deleted", hint)

"""What a cloud store's refusal means for a repository, in our words.

obstore gives the answer as text: the status code and S3's `<Code>` are taken out of it and nothing else, because the
rest repeats what the server said, and a server may repeat a key id, a signature or the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from holdfast.kernel.errors import Denied, DiskFull, HoldfastError, NeedsOperator, NotFound, Retryable
from holdfast.kernel.outbound_relay import REFUSED
from holdfast.kernel.outbound_url import Refused

_STATUS = re.compile(r"status code: (\d{3})|^Generic \w+ error: Bulk delete request failed .*\(code: (\d{3})\)", re.M)
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_KIND = re.compile(r"kind: (Timeout|Connect|Interrupted)\b")
_CERTIFICATE = re.compile(r"error: InvalidCertificate\(\s*([A-Za-z]{1,40})")
_NO_TLS = re.compile(r"error: InvalidMessage\(\s*InvalidContentType")
_NO_ROOM = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity"}
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"}
_ARCHIVED = {"InvalidObjectState", "ObjectNotInActiveTierError", "BlobArchived"}
ARCHIVED = "piece_archived"  # the code of the error for what has to be asked for before it can be read
_BAD_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_BAD_KEY |= {"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "AccountIsDisabled"}
_BUSY = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted"}
_BUSY |= {"ServerBusy", "OperationTimedOut"}
_ELSEWHERE = "the bucket lies in another region or behind another endpoint: correct the region or the endpoint"


@dataclass(frozen=True)
class Words:
    """What a kind of store calls things. `permissions` by verb: put, get, list, delete. `name`: the bucket's own."""

    permissions: Mapping[str, str]
    bucket: str = "bucket"
    key: str = "access key"
    name: str = ""


def status_of(error: Exception) -> int | None:
    """The HTTP status a store answered with; None when it did not come to an answer."""
    found = _STATUS.search(str(error))
    return int(found[1] or found[2]) if found else None


def behind_the_end(error: Exception) -> bool:
    """Whether the range that was asked for begins at the end of the piece or behind it. At the very end some stores
    answer with no bytes instead of 416, which obstore calls an error of its own."""
    return status_of(error) == 416 or "InvalidRangeRequest" in str(error)


def was_refused(error: Exception) -> bool:
    """Whether our own relay did not let the call out."""
    text = str(error)
    return "TunnelUnsuccessful" in text or f"<Code>{REFUSED}</Code>" in text


def elsewhere(refused: Refused, act: str) -> HoldfastError:
    """The relay's reason, as an error of a store."""
    if refused.reason == "redirect":
        return NeedsOperator(f"{act}: the store sends us elsewhere", code="store_elsewhere", hint=_ELSEWHERE)
    return NeedsOperator(
        f"{act}: {refused.message}", code="outbound_refused", hint=str(refused.hint), details=refused.details
    )


def translated(error: Exception, verb: str, act: str, words: Words) -> HoldfastError:
    """The error of ours. `verb`: put, get, list or delete; `act`: "writing data/aa/x". Raise it `from None`: the
    original's text may repeat what is secret."""
    text = str(error)
    found = _CODE.search(text)
    code = found[1] if found else ""
    status = status_of(error)
    if code in _NO_BUCKET:
        hint = f"create the {words.bucket}, or correct its name, the endpoint or the region"
        return NeedsOperator(f"{act}: there is no such {words.bucket}: {words.name}", code="bucket_missing", hint=hint)
    if status == 507 or code in _NO_ROOM:
        hint = "raise the bucket's quota or free space there; nothing half-written was kept"
        return DiskFull(f"{act}: the store has no room left", hint=hint, details={"store_code": code})
    if isinstance(error, FileNotFoundError) or status == 404:
        return NotFound(f"{act}: it is not there", code="piece_missing")
    if code == "RequestTimeTooSkewed":
        hint = "set this machine's clock; the store refuses requests that are minutes off"
        return NeedsOperator(f"{act}: the clocks differ", code="store_clock", hint=hint)
    if code in _ARCHIVED:
        hint = (
            "Ask for it first: `holdfast snapshot thaw SNAPSHOT`, or at the store (aws s3api restore-object --bucket "
            f"{words.name} --key ... --restore-request Days=7). It can be read some hours later."
        )
        return NeedsOperator(f"{act}: it lies in an archive", code=ARCHIVED, hint=hint)
    if (denied := _denied(error, verb, act, words, status, code)) is not None:
        return denied
    if status == 429 or code in _BUSY or (status is not None and status >= 500 and status != 501):
        return Retryable(f"{act}: the store is busy ({status})", code="store_busy", hint="it is tried again by itself")
    if (insecure := _insecure(text, act)) is not None:
        return insecure
    if kind := _KIND.search(text):
        slow = kind[1] == "Timeout"
        how = "the store did not answer in time" if slow else "the store cannot be reached"
        hint = "check the endpoint, and the network between; it is tried again by itself"
        return Retryable(f"{act}: {how}", code="store_timeout" if slow else "store_unreachable", hint=hint)
    return _other(text, act, status, code)


def _insecure(text: str, act: str) -> HoldfastError | None:
    """What rustls found wrong before anything was sent."""
    code = "store_certificate"
    if _NO_TLS.search(text):
        hint = "correct the endpoint's port; plain http is http:// with --allow-http"
        return NeedsOperator(f"{act}: the store does not speak TLS there", code=code, hint=hint)
    if (found := _CERTIFICATE.search(text)) is None:
        return None
    if found[1].startswith("NotValidForName"):
        hint = "write the endpoint with a name that is in the certificate, or have one made for this name"
        return NeedsOperator(f"{act}: the store's certificate is for another name", code=code, hint=hint)
    if found[1].startswith(("Expired", "NotValidYet")):
        hint = "renew it at the store; if it looks valid there, set this machine's clock"
        return NeedsOperator(f"{act}: the store's certificate is not valid at this time", code=code, hint=hint)
    hint = (
        "give the authority that signed it: `ca` (--ca authority.pem); if one is given, it is not the one that signed"
    )
    return NeedsOperator(f"{act}: nobody we trust signed the store's certificate", code=code, hint=hint)


def _other(text: str, act: str, status: int | None, code: str) -> HoldfastError:
    if status in (301, 302, 307, 308) or "without LOCATION" in text:
        return NeedsOperator(f"{act}: the store sends us elsewhere", code="store_elsewhere", hint=_ELSEWHERE)
    if status is None and "BadScheme" not in text and "HTTP error" in text:
        return Retryable(f"{act}: the connection broke", code="store_unreachable", hint="it is tried again by itself")
    what = " ".join(str(part) for part in (status, code) if part) or "an answer that cannot be read"
    return HoldfastError(f"{act}: the store answered {what}", code="store_failed")


def _denied(error: Exception, verb: str, act: str, words: Words, status: int | None, code: str) -> HoldfastError | None:
    if code in _BAD_KEY or status == 401 or isinstance(error, UnauthenticatedError):
        hint = f"give the repository a valid {words.key}; this one is unknown, expired or its secret does not fit"
        return Denied(f"{act}: the store does not accept the {words.key}", code="store_credentials", hint=hint)
    if status == 403 or isinstance(error, PermissionDeniedError):
        permission = words.permissions[verb]
        hint = f"allow {permission} on this {words.bucket} and prefix for the {words.key}"
        return Denied(
            f"{act}: the {words.key} lacks {permission}",
            code="store_denied",
            hint=hint,
            details={"missing": permission},
        )
    return None

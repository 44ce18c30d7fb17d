"""What an account key or SAS may do with the place of a repository: what it lacks, and what it could do without."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx

from holdfast.formats import azure_shared_key
from holdfast.kernel.clock import Clock
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.vault.stores.azure import AzureKey, AzurePlace
from holdfast.vault.stores.cloud import CloudStore
from holdfast.vault.stores.findings import Finding, Report, refused, used
from holdfast.vault.stores.questions import Answer, Line

_NEEDED = "rcwdl"
_SOON = timedelta(days=30)


class AzureQuestions:
    """Each is one GET, through the guarded client, without redirects. Raises Retryable when no answer comes."""

    def __init__(self, place: AzurePlace, key: AzureKey, policy: OutboundPolicy, clock: Clock) -> None:
        self._place, self._key, self._clock = place, key, clock
        self._line = Line(policy, place.ca)

    def close(self) -> None:
        self._line.close()

    def of_container(self) -> Answer:
        return self._ask(f"/{self._place.container}", ("restype", "container"))

    def of_account(self) -> Answer:
        """What the account does with deleted blobs."""
        return self._ask("/", ("restype", "service"), ("comp", "properties"))

    def of_all(self) -> Answer:
        return self._ask("/", ("comp", "list"), ("maxresults", "1"))

    def make_container(self) -> Answer:
        """For tests: people make their containers themselves."""
        return self._ask(f"/{self._place.container}", ("restype", "container"), method="PUT")

    def _ask(self, path: str, *query: tuple[str, str], method: str = "GET") -> Answer:
        base = httpx.URL(self._place.url)
        below = base.path.rstrip("/") + path
        headers = {"x-ms-version": azure_shared_key.VERSION}
        if self._key.account_key:
            now = self._clock.now()
            headers = azure_shared_key.signed(method, self._place.account, self._key.account_key, below, query, {}, now)
        sent: Sequence[tuple[str, str]] = [*query, *self._key.pairs]
        return self._line.ask(method, str(base.copy_with(path=below, query=_query(sent))), headers)


def probe_azure(
    place: AzurePlace, key: AzureKey, store: CloudStore, questions: AzureQuestions, now: datetime
) -> Report:
    """Try everything with pieces of our own, which are removed. Raises as `probe_s3` does."""
    container = questions.of_container()
    found = [*used(store), *_credential(key, now), _containers(questions.of_all())]
    found += [_public(container), _kept(questions.of_account(), container), _immutable(container), _lifecycle()]
    if place.prefix and key.sas:
        text = "a SAS opens the whole container, not only the prefix"
        found.append(Finding("write_outside", "note", text, "Give environments a container each."))
    return Report(tuple(found))


def _credential(key: AzureKey, now: datetime) -> list[Finding]:
    check = "credential"
    if key.account_key:
        hint = "Use a SAS of this container with read, create, write, delete, list (sp=rcwdl) instead."
        return [Finding(check, "excess", "an account key opens all of the storage account, for ever", hint)]
    said = dict(key.pairs)
    found = []
    more = sorted(set(said.get("sp", "")) - set(_NEEDED))
    if "ss" in said:
        hint = "Make one of the container (sr=c) instead."
        found.append(Finding(check, "excess", "a SAS of the account, not of the container", hint))
    if more:
        hint = f"Make one with sp={_NEEDED} only."
        found.append(Finding(check, "excess", f"the SAS also allows {', '.join(more)}", hint))
    if (ends := _moment(said.get("se", ""))) is not None and ends - now < _SOON:
        hint = "Make another before that: `holdfast repo credential`."
        found.append(Finding(check, "note", f"the SAS ends on {ends:%Y-%m-%d}", hint))
    return found or [Finding(check, "ok", "a SAS of the container with what is needed")]


def _containers(answer: Answer) -> Finding:
    if answer.status == 200:
        hint = "A SAS of one container cannot: it shows the names of everything you keep."
        return Finding("list_buckets", "excess", "the credential lists all containers", hint)
    return refused("list_buckets", "other containers are not listed", answer)


def _public(answer: Answer) -> Finding:
    if answer.status != 200:
        return Finding("public", "unknown", "who else reads the container is not shown to this credential")
    if "x-ms-blob-public-access" in answer.headers:
        hint = "Set the container's access level to private."
        return Finding("public", "note", "anybody reads this container: encrypted, but with names and sizes", hint)
    return Finding("public", "ok", "the container is private")


def _kept(account: Answer, container: Answer) -> Finding:
    if container.headers.get("x-ms-immutable-storage-with-versioning-enabled") == "true":
        return Finding("versioning", "ok", "the container keeps old versions")
    if account.status != 200:
        text = "whether deleted blobs are kept is not shown to this credential"
        return Finding("versioning", "unknown", text, "Look at the account's data protection: soft delete, versioning.")
    kept = account.text.partition("<DeleteRetentionPolicy>")[2].partition("</DeleteRetentionPolicy>")[0]
    if "<Enabled>true</Enabled>" in kept:
        return Finding("versioning", "ok", "deleted blobs are kept for a time: they can be brought back")
    hint = "Turn soft delete for blobs on: whoever steals this credential could delete every snapshot for good."
    return Finding("versioning", "note", "deleted blobs are not kept", hint)


def _immutable(answer: Answer) -> Finding:
    if answer.status != 200:
        return Finding("object_lock", "unknown", "whether blobs are locked is not shown to this credential")
    if "true" in (answer.headers.get("x-ms-has-immutability-policy"), answer.headers.get("x-ms-has-legal-hold")):
        hint = "Locks and forgotten snapshots stay until it ends; keep it shorter than your retention."
        return Finding("object_lock", "note", "the container locks its blobs", hint)
    return Finding("object_lock", "ok", "blobs are not locked")


def _lifecycle() -> Finding:
    """Lifecycle management is the account's, behind Azure's own control plane, which no key or SAS opens."""
    hint = "Look at the account's lifecycle management: no rule may delete or archive what is below the prefix."
    return Finding("lifecycle", "unknown", "rules of the account that delete blobs are not shown to any key", hint)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _query(pairs: Sequence[tuple[str, str]]) -> bytes:
    return str(httpx.QueryParams(list(pairs))).encode("ascii")

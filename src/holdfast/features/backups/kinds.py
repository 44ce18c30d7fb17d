"""The kinds of stores elsewhere that a repository can lie in: all that differs between them, in one object each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Invalid
from holdfast.kernel.outbound_relay import Relay
from holdfast.kernel.outbound_url import Target
from holdfast.vault.stores.azure import AzureKey, AzurePlace, azure_store
from holdfast.vault.stores.azure_probe import AzureQuestions, probe_azure
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.classes import Shelves
from holdfast.vault.stores.findings import Report
from holdfast.vault.stores.gcs import GcsPlace, ServiceAccount, gcs_store
from holdfast.vault.stores.gcs_probe import GcsQuestions, probe_gcs
from holdfast.vault.stores.s3 import AccessKey, S3Place, s3_store
from holdfast.vault.stores.s3_classes import S3Shelves
from holdfast.vault.stores.s3_locked import LockedS3Store
from holdfast.vault.stores.s3_probe import probe_s3
from holdfast.vault.stores.s3_signed import SignedQuestions
from holdfast.vault.stores.sftp_place import SftpPlace

if TYPE_CHECKING:
    from holdfast.vault.stores.sftp import SftpStore

ACCESS_KEY, SECRET, TOKEN = "access_key_id", "secret_access_key", "session_token"
ACCOUNT_KEY, SAS = "account_key", "sas_token"
SERVICE_ACCOUNT = "service_account_key"
PRIVATE_KEY, LOGIN_PASSWORD = "private_key", "login_password"  # "password" is the repository's own
LOCK = frozenset(("object_lock", "object_lock_days"))
Fields = Mapping[str, Any]
Credential = Mapping[str, str]


class Place(Protocol):
    """A dataclass of `vault.stores`."""

    @property
    def target(self) -> Target: ...

    @property
    def location(self) -> str:
        """The same place is the same text, whatever credential is used there."""
        ...

    def restic(self) -> str: ...


@dataclass(frozen=True)
class Exports:
    """What stock restic reads beside its -r: variables, and variables that name a file with this content."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    def names(self) -> Sequence[str]:
        return [*self.variables, *self.files]


class CloudKind(Protocol):
    """`fields`: of its place, as a row keeps them. `credential`: by the names in `secrets`.

    Raises Invalid for fields or a credential that cannot be.
    """

    secrets: tuple[str, ...]

    def place(self, fields: Fields) -> Place: ...

    def check(self, credential: Credential) -> None: ...

    def driver(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Store: ...

    def test(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Report: ...

    def exports(self, fields: Fields, credential: Credential) -> Exports: ...

    def shelves(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Shelves | None:
        """None where Holdfast does not move between storage classes. Close it."""
        ...


# ruff: noqa: ARG002  one face for kinds that need different parts of what they are given


class _S3:
    secrets: tuple[str, ...] = (ACCESS_KEY, SECRET, TOKEN)

    def place(self, fields: Fields) -> S3Place:
        return S3Place(**fields)

    def check(self, credential: Credential) -> None:
        _require(credential, ACCESS_KEY, SECRET)

    def driver(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Store:
        place, key = self.place(fields), _access_key(credential)
        store = s3_store(place, key, relay)
        return LockedS3Store(store, place, key, relay.policy, clock, place.lock) if place.lock else store

    def test(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Report:
        place, key = self.place(fields), _access_key(credential)
        questions = SignedQuestions(place, key, relay.policy, clock)
        try:
            return probe_s3(place, s3_store(place, key, relay), questions)
        finally:
            questions.close()

    def exports(self, fields: Fields, credential: Credential) -> Exports:
        names = {ACCESS_KEY: "AWS_ACCESS_KEY_ID", SECRET: "AWS_SECRET_ACCESS_KEY", TOKEN: "AWS_SESSION_TOKEN"}
        return Exports({names[name]: value for name, value in credential.items()})

    def shelves(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Shelves | None:
        return S3Shelves(self.place(fields), _access_key(credential), relay.policy, clock)


class _OneClass:
    def shelves(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Shelves | None:
        return None


class _Azure(_OneClass):
    secrets: tuple[str, ...] = (ACCOUNT_KEY, SAS)

    def place(self, fields: Fields) -> AzurePlace:
        return AzurePlace(**_unlocked(fields, "Azure"))

    def check(self, credential: Credential) -> None:
        _azure_key(credential)

    def driver(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Store:
        return azure_store(self.place(fields), _azure_key(credential), relay)

    def test(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Report:
        place, key = self.place(fields), _azure_key(credential)
        questions = AzureQuestions(place, key, relay.policy, clock)
        try:
            return probe_azure(place, key, azure_store(place, key, relay), questions, clock.now())
        finally:
            questions.close()

    def exports(self, fields: Fields, credential: Credential) -> Exports:
        names = {ACCOUNT_KEY: "AZURE_ACCOUNT_KEY", SAS: "AZURE_ACCOUNT_SAS"}
        account = {"AZURE_ACCOUNT_NAME": str(fields["account"])}
        return Exports(account | {names[name]: value for name, value in credential.items()})


class _Gcs(_OneClass):
    secrets: tuple[str, ...] = (SERVICE_ACCOUNT,)

    def place(self, fields: Fields) -> GcsPlace:
        return GcsPlace(**_unlocked(fields, "Google Cloud Storage"))

    def check(self, credential: Credential) -> None:
        _service_account(credential)

    def driver(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Store:
        return gcs_store(self.place(fields), _service_account(credential), relay, clock)

    def test(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Report:
        place, account = self.place(fields), _service_account(credential)
        questions = GcsQuestions(place, account, relay.policy, clock)
        try:
            return probe_gcs(place, gcs_store(place, account, relay, clock), questions)
        finally:
            questions.close()

    def exports(self, fields: Fields, credential: Credential) -> Exports:
        return Exports(files={"GOOGLE_APPLICATION_CREDENTIALS": credential[SERVICE_ACCOUNT]} if credential else {})


class _Sftp(_OneClass):
    """What loads asyncssh is imported at its use: a start does not need it."""

    secrets: tuple[str, ...] = (PRIVATE_KEY, LOGIN_PASSWORD)

    def place(self, fields: Fields) -> SftpPlace:
        return SftpPlace(**fields)

    def check(self, credential: Credential) -> None:
        if bool(credential.get(PRIVATE_KEY)) == bool(credential.get(LOGIN_PASSWORD)):
            raise Invalid(f"{PRIVATE_KEY} or {LOGIN_PASSWORD}, one of the two", details=_needed(PRIVATE_KEY))
        if credential.get(PRIVATE_KEY):
            from holdfast.kernel.ssh import parse_private_key

            parse_private_key(credential[PRIVATE_KEY], PRIVATE_KEY)

    def driver(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> SftpStore:
        from holdfast.vault.stores.sftp import sftp_store

        key, password = credential.get(PRIVATE_KEY), credential.get(LOGIN_PASSWORD)
        return sftp_store(self.place(fields), key=key, password=password, policy=relay.policy)

    def test(self, fields: Fields, credential: Credential, relay: Relay, clock: Clock) -> Report:
        from holdfast.vault.stores.sftp_probe import probe_sftp, require_host_key

        place = self.place(fields)
        require_host_key(place, relay.policy)
        return probe_sftp(place, self.driver(fields, credential, relay, clock))

    def exports(self, fields: Fields, credential: Credential) -> Exports:
        return Exports()  # stock restic logs in through its user's own ssh


KINDS: Mapping[str, CloudKind] = {"s3": _S3(), "gcs": _Gcs(), "azure": _Azure(), "sftp": _Sftp()}
SECRETS = tuple(name for kind in KINDS.values() for name in kind.secrets)


def described(kind: str, fields: Fields) -> tuple[dict[str, Any], str]:
    """(`lies`, `location`) of a row. Raises Invalid."""
    place = KINDS[kind].place(fields)
    return asdict(place), place.location  # type: ignore[call-overload] # places are dataclasses


def overlaps(one: str, other: str) -> bool:
    """Whether one location is the other, or inside it."""
    first, second = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return first.startswith(second) or second.startswith(first)


def _unlocked(fields: Fields, where: str) -> Fields:
    """A lock that was asked for and is not there would be worse than none."""
    if LOCK & set(fields):
        raise Invalid(
            f"Holdfast does not lock pieces in {where}",
            code="object_lock_unsupported",
            hint="Take kind s3; or let the bucket's own retention policy hold every object, and delete with another "
            "credential: holdfast repo deletes NAME --apart.",
            details={"fields": [{"field": name, "message": "of kind s3"} for name in sorted(LOCK & set(fields))]},
        )
    return fields


def _require(credential: Credential, *names: str) -> None:
    for name in names:
        if not credential.get(name):
            raise Invalid(f"{name} is missing", details=_needed(name))


def _needed(name: str) -> dict[str, Any]:
    return {"fields": [{"field": name, "message": "it is needed"}]}


def _access_key(credential: Credential) -> AccessKey:
    return AccessKey(credential[ACCESS_KEY], credential[SECRET], credential.get(TOKEN) or None)


def _azure_key(credential: Credential) -> AzureKey:
    return AzureKey(credential.get(ACCOUNT_KEY) or None, credential.get(SAS) or None)


def _service_account(credential: Credential) -> ServiceAccount:
    _require(credential, SERVICE_ACCOUNT)
    return ServiceAccount.of(credential[SERVICE_ACCOUNT])

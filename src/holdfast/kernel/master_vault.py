"""The master key in HashiCorp Vault or OpenBao: one field of one secret of a KV version 2 engine.

Vault is asked at the start, when a key is not known, and by a rotation; nothing of it is needed in between. Only the
address the operator set is ever asked: no redirect is followed, no proxy taken from the environment.
HTTP API: developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and /auth/approle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from holdfast.kernel import log
from holdfast.kernel.errors import HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.master import MasterKey, changed, keys_in, same, text_of

if TYPE_CHECKING:  # hvac and requests cost 150 ms to import: only an installation that uses Vault pays for it
    import hvac

_SECONDS = 5
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class VaultPlace:
    """Where in which Vault, and how to sign in there: a token's file, or an AppRole whose secret id is in a file."""

    address: str
    mount: str
    path: str
    field: str
    token_file: Path | None = None
    role_id: str | None = None
    secret_id_file: Path | None = None
    approle_mount: str = "approle"
    namespace: str | None = None
    ca_file: Path | None = None


class _Document(NamedTuple):
    version: int
    data: dict[str, Any]


class VaultSource:
    """A `MasterKeySource`. Replacing is a check-and-set on the secret's version: of two at once only one wins."""

    def __init__(self, place: VaultPlace) -> None:
        _checked(place)
        self._place = place

    @property
    def where(self) -> str:
        place = self._place
        return f"{place.address.rstrip('/')} {place.mount}/{place.path} field {place.field}"

    def exists(self) -> bool:
        with self._errors(), self._client() as client:
            return self._field(self._document(client)) is not None

    def read(self) -> tuple[MasterKey, ...]:
        with self._errors(), self._client() as client:
            found = self._document(client)
            text = self._field(found)
            if text is not None:
                return keys_in(text, self.where)
            made = MasterKey.new()
            self._write(client, found, (made,))
            return (made,)

    def replace(self, old: Sequence[MasterKey], new: Sequence[MasterKey]) -> None:
        with self._errors(), self._client() as client:
            found = self._document(client)
            text = self._field(found)
            if text is None or not same(keys_in(text, self.where), old):
                raise changed(self.where)
            self._write(client, found, new)

    def _document(self, client: hvac.Client) -> _Document:
        """The newest version; version 0 without data when nothing was ever written there."""
        from hvac.exceptions import InvalidPath

        try:
            answer = client.secrets.kv.v2.read_secret_version(
                self._place.path, mount_point=self._place.mount, raise_on_deleted_version=True
            )
            found = answer["data"]
            return _Document(int(found["metadata"]["version"]), dict(found["data"]))
        except InvalidPath as error:
            return self._absent(error)
        except (KeyError, TypeError, ValueError):
            raise self._strange() from None

    def _absent(self, error: Exception) -> _Document:
        """Nothing there is a beginning; a deleted version or an unknown mount is not: a key may have been lost."""
        said = getattr(error, "json", None)
        metadata = ((said or {}).get("data") or {}).get("metadata") if isinstance(said, dict) else None
        if metadata:
            raise NeedsOperator(
                f"the master key at {self.where} was deleted",
                code="vault_key_deleted",
                hint=f"vault kv undelete -mount={self._place.mount} -versions={metadata.get('version')} "
                f"{self._place.path}",
            ) from error
        if getattr(error, "errors", None) != []:
            raise NeedsOperator(
                f"Vault knows no KV version 2 engine at {self._place.mount}/",
                code="vault_path_wrong",
                hint="Check HOLDFAST_VAULT_MOUNT and HOLDFAST_VAULT_NAMESPACE: vault secrets list",
            ) from error
        return _Document(0, {})

    def _field(self, found: _Document) -> str | None:
        """None when nothing is there. Raises when the secret is there without the field: it is someone else's."""
        if found.version == 0:
            return None
        text = found.data.get(self._place.field)
        if not isinstance(text, str) or not text.strip():
            raise NeedsOperator(
                f"the secret at {self.where} has no such field",
                code="vault_path_wrong",
                hint="Check HOLDFAST_VAULT_PATH and HOLDFAST_VAULT_FIELD.",
            )
        return text

    def _write(self, client: hvac.Client, found: _Document, keys: Sequence[MasterKey]) -> None:
        from hvac.exceptions import InvalidRequest

        data = {**found.data, self._place.field: text_of(keys)}
        try:
            client.secrets.kv.v2.create_or_update_secret(
                self._place.path, data, cas=found.version, mount_point=self._place.mount
            )
        except InvalidRequest as error:
            if "check-and-set" in str(error):
                raise changed(self.where) from None
            raise

    @contextmanager
    def _client(self) -> Iterator[hvac.Client]:
        """Signed in; forgotten afterwards, so that no token grows old in memory."""
        import hvac
        import requests

        place = self._place
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc
            session.verify = str(place.ca_file) if place.ca_file else True  # hvac takes the session's word for it
            client = hvac.Client(
                url=place.address.rstrip("/"),
                token="",
                cert=(),
                verify=session.verify,
                timeout=_SECONDS,
                proxies={},
                allow_redirects=False,
                session=session,
                namespace=place.namespace,
            )
            session.hooks["response"].append(self._no_redirect)
            if place.token_file is not None:
                client.token = _secret(place.token_file, "Vault token")
            else:
                assert place.secret_id_file is not None  # noqa: S101 - `_checked` has seen to it
                secret_id = _secret(place.secret_id_file, "AppRole secret id")
                self._login(client, secret_id)
            yield client

    def _login(self, client: hvac.Client, secret_id: str) -> None:
        """Vault 1.14 answers 500 to a wrong secret id, newer ones 400."""
        from hvac.exceptions import InternalServerError, InvalidRequest

        try:
            client.auth.approle.login(self._place.role_id, secret_id, mount_point=self._place.approle_mount)
        except (InvalidRequest, InternalServerError) as error:
            raise self._refused(error) from error
        log.register_secret(str(client.token))

    def _no_redirect(self, answer: Any, **_: Any) -> None:
        if answer.is_redirect or answer.is_permanent_redirect:
            raise NeedsOperator(
                f"Vault at {self._place.address} sends us elsewhere, and we do not follow",
                code="vault_redirected",
                hint="Set HOLDFAST_VAULT_ADDR to the active node, or to the address that balances the load.",
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What hvac and requests raise, in our words. None of them quotes a token."""
        import requests
        from hvac import exceptions

        try:
            yield
        except HoldfastError:
            raise
        except requests.exceptions.SSLError as error:
            raise NeedsOperator(
                f"the certificate of Vault at {self._place.address} is not trusted",
                code="vault_certificate",
                hint="Name its CA's certificate with HOLDFAST_VAULT_CACERT.",
            ) from error
        except (requests.exceptions.RequestException, exceptions.BadGateway) as error:
            raise self._away(
                "does not answer", "vault_unreachable", "Is it up, and HOLDFAST_VAULT_ADDR right?"
            ) from error
        except exceptions.VaultDown as error:
            raise self._away("is sealed", "vault_sealed", "Unseal it (vault operator unseal).") from error
        except exceptions.VaultNotInitialized as error:
            raise self._away("is not initialised", "vault_sealed", "Initialise it (vault operator init).") from error
        except (exceptions.Forbidden, exceptions.Unauthorized) as error:
            raise self._forbidden() from error
        except exceptions.InvalidRequest as error:
            raise self._refused(error) from error
        except exceptions.RateLimitExceeded as error:
            raise Retryable(f"Vault at {self._place.address} is busy", code="vault_busy") from error
        except exceptions.VaultError as error:
            raise self._strange() from error
        except ValueError as error:  # an answer that is no JSON
            raise self._strange() from error

    def _away(self, what: str, code: str, hint: str) -> NeedsOperator:
        kept = "Keys that are open already go on working; a start, a new key and a rotation need it."
        return NeedsOperator(f"Vault at {self._place.address} {what}", code=code, hint=f"{hint} {kept}")

    def _forbidden(self) -> NeedsOperator:
        place = self._place
        return NeedsOperator(
            f"Vault refuses us {place.mount}/data/{place.path}",
            code="vault_forbidden",
            hint=f'The token\'s policy needs: path "{place.mount}/data/{place.path}" '
            '{ capabilities = ["read"] }, and "create", "update" for the first start and for rotations. '
            "Or the token has expired.",
        )

    def _refused(self, error: Exception) -> NeedsOperator:
        said = ", ".join(getattr(error, "errors", None) or [])
        return NeedsOperator(
            f"Vault at {self._place.address} does not take our request: {said}",
            code="vault_forbidden",
            hint="Check HOLDFAST_VAULT_ROLE_ID, the secret id's file, and that the engine is KV version 2.",
        )

    def _strange(self) -> NeedsOperator:
        return NeedsOperator(
            f"what answers at {self._place.address} is no Vault with a KV version 2 engine at {self._place.mount}/",
            code="vault_path_wrong",
            hint="Check HOLDFAST_VAULT_ADDR and HOLDFAST_VAULT_MOUNT.",
        )


def _checked(place: VaultPlace) -> None:
    """Raises NeedsOperator("vault_settings"): incomplete, or the key would travel unencrypted."""
    url = urlsplit(place.address)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
        raise _settings("HOLDFAST_VAULT_ADDR is no address", "It reads https://vault.example.org:8200")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise _settings(
            "HOLDFAST_VAULT_ADDR would send the master key unencrypted",
            "Use https://; http:// is for this machine only.",
        )
    if place.token_file is None and not (place.role_id and place.secret_id_file):
        raise _settings(
            "nothing says how to sign in to Vault",
            "Set HOLDFAST_VAULT_TOKEN_FILE, or HOLDFAST_VAULT_ROLE_ID and HOLDFAST_VAULT_SECRET_ID_FILE.",
        )


def _settings(message: str, hint: str) -> NeedsOperator:
    return NeedsOperator(message, code="vault_settings", hint=hint)


def _secret(path: Path, what: str) -> str:
    """The one line of a file. The file's mode is the operator's: agents write it for a group."""
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise NeedsOperator(
            f"the {what} in {path} cannot be read: {error.strerror}",
            code="vault_credential_unreadable",
            hint="Let the user that runs Holdfast read it.",
        ) from error
    if not text or not text.isprintable() or " " in text:
        raise NeedsOperator(
            f"{path} holds no {what}", code="vault_credential_unreadable", hint="One line, nothing else."
        )
    log.register_secret(text)
    return text

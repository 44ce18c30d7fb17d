"""The master key in Vault: first start, AppRole, rotation, and every way Vault can refuse."""

from __future__ import annotations

import base64
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import metadata_home
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from vault_server import PROGRAM, Double, Vault, double, real

from holdfast.kernel import log
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NeedsOperator, Retryable
from holdfast.kernel.master import MasterKey, MasterKeys
from holdfast.kernel.master_source import source_of
from holdfast.kernel.master_vault import VaultPlace, VaultSource
from holdfast.kernel.rotation import MasterRotation
from holdfast.kernel.secrets import Secrets, master_key_of
from holdfast.kernel.settings import Settings


@pytest.fixture
def vault() -> Iterator[Vault]:
    with real(PROGRAM) if PROGRAM else double() as made:
        yield made


@pytest.fixture
def only_double() -> Iterator[Double]:
    with double() as made:
        yield made


@pytest.fixture
def place(vault: Vault, tmp_path: Path) -> VaultPlace:
    (tmp_path / "token").write_text(vault.token(writes=True) + "\n")
    return at(vault, tmp_path)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(metadata_home.url(tmp_path / "meta.db"))
    made.create_all()
    yield made
    made.close()


def at(vault: Vault, folder: Path) -> VaultPlace:
    return VaultPlace(vault.address, "secret", "holdfast/master-key", "key", token_file=folder / "token")


def told(*_: Any) -> None:
    pass


def refused(act: Callable[[], object]) -> NeedsOperator:
    with pytest.raises(NeedsOperator) as caught:
        act()
    assert caught.value.hint
    return caught.value


def test_the_first_start_puts_a_key_there_and_later_ones_find_it(vault, place, db) -> None:
    source = VaultSource(place)
    assert not source.exists()
    (made,) = master_key_of(db, source).read()
    assert vault.data() == {"key": made.text}
    assert VaultSource(place).exists()
    assert [key.id for key in VaultSource(place).read()] == [made.id]
    assert made.text not in source.where


def test_what_else_is_in_the_secret_stays(vault, place) -> None:
    old = MasterKey.new()
    vault.put({"key": old.text, "owner": "platform team"})
    new = MasterKey.new()
    VaultSource(place).replace([old], [new, old])
    assert vault.data() == {"key": f"{new.text}\n{old.text}", "owner": "platform team"}


def test_by_approle(vault, place, tmp_path) -> None:
    role, secret_id = vault.role()
    (tmp_path / "secret-id").write_text(secret_id)
    by_role = replace(place, token_file=None, role_id=role, secret_id_file=tmp_path / "secret-id")
    (made,) = VaultSource(by_role).read()
    assert vault.data() == {"key": made.text}
    assert log.redact(f"secret id {secret_id}") == "secret id [hidden]"
    assert refused(VaultSource(replace(by_role, role_id="nobody")).read).code == "vault_forbidden"
    (tmp_path / "secret-id").write_text("wrong")
    assert refused(VaultSource(by_role).read).code == "vault_forbidden"


def test_a_rotation_under_two_processes(vault, place, db) -> None:
    """The other one learns of the new key from Vault, and nothing is left there but the new key."""
    store, other = (Secrets(db, MasterKeys(VaultSource(place))) for _ in range(2))
    store.check()
    other.check()
    with db.write() as conn:
        store.put(conn, "env", "db_1", "password", "the value itself")
    done = MasterRotation(db, store).rotate(told)
    assert MasterKey.of(base64.b64decode(vault.data()["key"])).id == done.now
    with db.write() as conn:
        assert other.get(conn, "env", "db_1", "password") == "the value itself"
        other.open_environment(conn, "prj", "env_new")


def test_while_vault_is_away_what_is_open_goes_on(vault, place, db) -> None:
    """And comes back by itself: nothing has to be restarted."""
    store = Secrets(db, MasterKeys(VaultSource(place)))
    store.check()
    with db.write() as conn:
        store.put(conn, "env", "db_1", "password", "the value itself")
    vault.seal()
    with db.write() as conn:
        assert store.get(conn, "env", "db_1", "password") == "the value itself"
        store.put(conn, "env", "db_1", "password", "another value")
        store.open_environment(conn, "prj", "env_new")
    assert refused(lambda: MasterRotation(db, store).rotate(told)).code == "vault_sealed"
    fresh = Secrets(db, MasterKeys(VaultSource(place)))
    assert refused(fresh.check).code == "vault_sealed"
    vault.unseal()
    fresh.check()
    done = MasterRotation(db, store).rotate(told)
    assert [key.id for key in VaultSource(place).read()] == [done.now]


def test_a_token_that_may_only_read_is_enough_until_the_first_write(vault, place, tmp_path) -> None:
    (tmp_path / "token").write_text(vault.token(writes=False))
    source = VaultSource(place)
    assert refused(source.read).code == "vault_forbidden"
    made = MasterKey.new()
    vault.put({"key": made.text})
    assert [key.id for key in source.read()] == [made.id]
    error = refused(lambda: source.replace([made], [MasterKey.new(), made]))
    assert error.code == "vault_forbidden"
    assert "update" in str(error.hint)


def test_a_revoked_token_is_refused_and_not_quoted(vault, place, tmp_path) -> None:
    token = vault.token(writes=True)
    (tmp_path / "token").write_text(token)
    VaultSource(place).read()
    vault.revoke(token)
    error = refused(VaultSource(place).read)
    assert error.code == "vault_forbidden"
    assert token not in str(error.as_dict())


def test_a_deleted_key_is_not_replaced_by_a_new_one(vault, place) -> None:
    """It would lock the data out for good; undeleting brings it back."""
    vault.put({"key": MasterKey.new().text})
    vault.delete()
    error = refused(VaultSource(place).read)
    assert error.code == "vault_key_deleted"
    assert "vault kv undelete" in str(error.hint)


@pytest.mark.parametrize("data", [{"other": "x"}, {"key": ""}, {"key": 7}])
def test_a_secret_without_the_field_is_someone_elses(vault, place, data) -> None:
    vault.put(data)
    assert refused(VaultSource(place).read).code == "vault_path_wrong"
    assert vault.data() == data


def test_what_is_no_key_is_refused_and_not_quoted(vault, place) -> None:
    vault.put({"key": "correct horse battery staple"})
    error = refused(VaultSource(place).read)
    assert error.code == "master_key_malformed"
    assert "battery" not in str(error.as_dict())


def test_two_writers_do_not_overwrite_each_other(vault, place) -> None:
    (old,) = VaultSource(place).read()
    first, second = MasterKey.new(), MasterKey.new()
    VaultSource(place).replace([old], [first, old])
    with pytest.raises(Retryable) as caught:
        VaultSource(place).replace([old], [second, old])
    assert caught.value.code == "master_key_changed"
    assert [key.id for key in VaultSource(place).read()] == [first.id, old.id]


def test_the_wrong_mount_is_no_place_for_a_key(vault, place) -> None:
    wrong = VaultSource(replace(place, mount="secrets"))
    assert refused(wrong.read).code in ("vault_forbidden", "vault_path_wrong")


def test_nobody_there(vault, place) -> None:
    away = VaultSource(replace(place, address="http://127.0.0.1:1"))
    assert refused(away.read).code == "vault_unreachable"


def test_no_redirect_is_followed(only_double, tmp_path) -> None:
    """Otherwise whoever answers decides where our token goes."""
    (tmp_path / "token").write_text(only_double.token(writes=True))
    with double() as elsewhere:
        only_double.redirect = elsewhere.address
        source = VaultSource(
            VaultPlace(only_double.address, "secret", "holdfast/master-key", "key", tmp_path / "token")
        )
        assert refused(source.read).code == "vault_redirected"
        assert elsewhere.asked() == 0


@pytest.mark.parametrize("garbage", [b"<html>", b"[]", b"null", b'{"data": 7}', b"{}"])
def test_what_is_no_vault(only_double, tmp_path, garbage) -> None:
    (tmp_path / "token").write_text(only_double.token(writes=True))
    only_double.garbage = garbage
    source = VaultSource(at(only_double, tmp_path))
    assert refused(source.read).code == "vault_path_wrong"
    assert only_double.versions == []


def test_no_proxy_of_the_environment_is_asked(only_double, tmp_path, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "of someone else")
    (tmp_path / "token").write_text(only_double.token(writes=True))
    source = VaultSource(at(only_double, tmp_path))
    assert len(source.read()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "http://vault.example.org:8200"},
        {"address": ""},
        {"address": "vault.example.org:8200"},
        {"address": "https://user:word@vault.example.org"},
        {"token_file": None},
        {"token_file": None, "role_id": "x"},
    ],
)
def test_settings_that_cannot_be_safe_are_refused_before_anyone_is_asked(tmp_path, changes) -> None:
    place = VaultPlace("https://127.0.0.1:8200", "secret", "a", "key", token_file=tmp_path / "token")
    assert refused(lambda: VaultSource(replace(place, **changes))).code == "vault_settings"


@pytest.mark.parametrize("content", [None, "", "two words", "a\nb"])
def test_a_token_file_that_holds_none(only_double, tmp_path, content) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    source = VaultSource(VaultPlace(only_double.address, "secret", "a", "key", token_file=tmp_path / "token"))
    assert refused(source.read).code == "vault_credential_unreadable"
    assert only_double.asked() == 0


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate nobody knows yet; `folder/ca.pem` is it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vault")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_the_certificate_is_checked(tmp_path) -> None:
    with double(certificate(tmp_path)) as vault:
        (tmp_path / "token").write_text(vault.token(writes=True))
        place = VaultPlace(vault.address, "secret", "holdfast/master-key", "key", token_file=tmp_path / "token")
        assert refused(VaultSource(place).read).code == "vault_certificate"
        assert vault.asked() == 0
        assert len(VaultSource(replace(place, ca_file=tmp_path / "ca.pem")).read()) == 1


def test_the_settings_name_it_all(vault, tmp_path) -> None:
    (tmp_path / "token").write_text(vault.token(writes=True))
    environ = {
        "HOLDFAST_DATA": str(tmp_path),
        "HOLDFAST_MASTER_KEY_SOURCE": "vault",
        "HOLDFAST_VAULT_ADDR": vault.address,
        "HOLDFAST_VAULT_TOKEN_FILE": str(tmp_path / "token"),
        "HOLDFAST_MASTER_KEY": "not asked for",
    }
    (made,) = source_of(Settings.load(environ), environ).read()
    assert vault.data() == {"key": made.text}
    with pytest.raises(ValueError, match="HOLDFAST_MASTER_KEY_SOURCE"):
        Settings.load({**environ, "HOLDFAST_MASTER_KEY_SOURCE": "keychain"})

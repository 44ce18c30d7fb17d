"""Lifecycle rules of a bucket: which of them would eat a repository. On a real server, and by hand-written texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gcs_server
import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_server import KEY, RELAY, Server, moto

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import NeedsOperator
from holdfast.vault.stores.findings import Finding
from holdfast.vault.stores.gcs import ServiceAccount, gcs_store
from holdfast.vault.stores.gcs_probe import GcsQuestions, probe_gcs
from holdfast.vault.stores.questions import Answer
from holdfast.vault.stores.s3 import S3Place, s3_store
from holdfast.vault.stores.s3_lifecycle import lifecycle, parsed, require_no_danger
from holdfast.vault.stores.s3_probe import probe_s3
from holdfast.vault.stores.s3_signed import SignedQuestions

PREFIX = "pre/fix"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


@pytest.fixture(scope="module")
def google() -> Iterator[gcs_server.GcsServer]:
    with gcs_server.gcs() as running:
        yield running


def looked(server: Server, place: S3Place, *rules: dict[str, Any]) -> list[Finding]:
    """What a test of the credential says of these rules, as boto writes them and the server gives them back."""
    if rules:
        named = [{"ID": f"rule {n}", "Status": "Enabled", **rule} for n, rule in enumerate(rules)]
        client, how = server.client(), {"Rules": named}
        client.put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration=how)
    questions = SignedQuestions(place, KEY, RELAY.policy, SystemClock())
    try:
        found = probe_s3(place, s3_store(place, KEY, RELAY), questions).findings
    finally:
        questions.close()
    return [each for each in found if each.check == "lifecycle"]


EXPIRES = {"Expiration": {"Days": 30}}
EATS = {
    "the whole bucket": {"Filter": {}, **EXPIRES},
    "above": {"Filter": {"Prefix": "pre/"}, **EXPIRES},
    "a part of the name": {"Filter": {"Prefix": "pre/fi"}, **EXPIRES},
    "the prefix": {"Filter": {"Prefix": "pre/fix/"}, **EXPIRES},
    "inside": {"Filter": {"Prefix": "pre/fix/data/"}, **EXPIRES},
    "by the old form": {"Prefix": "", **EXPIRES},
    "on a day": {"Filter": {}, "Expiration": {"Date": "2031-01-01T00:00:00Z"}},
    "into the archive": {"Filter": {}, "Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}]},
}
HARMLESS = {
    "another prefix": {"Filter": {"Prefix": "pre/fixed/"}, **EXPIRES},
    "a neighbour": {"Filter": {"Prefix": "logs/"}, **EXPIRES},
    "switched off": {"Filter": {}, "Status": "Disabled", **EXPIRES},
    "only tagged": {"Filter": {"Tag": {"Key": "temporary", "Value": "yes"}}, **EXPIRES},
    "old versions": {"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    "unfinished uploads": {"Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    "delete markers": {"Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    "a class that is read at once": {"Filter": {}, "Transitions": [{"Days": 30, "StorageClass": "GLACIER_IR"}]},
}


@pytest.mark.parametrize("name", EATS)
def test_a_rule_that_would_eat_a_repository_is_said(server: Server, name: str) -> None:
    place = server.place(prefix=PREFIX)
    (found,) = looked(server, place, EATS[name], {"Filter": {"Prefix": "logs/"}, **EXPIRES})
    assert found.result == "danger"
    assert "rule 0" in found.message
    assert found.hint
    assert KEY.secret not in str(found)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_rule_that_does_no_harm_is_no_alarm(server: Server, name: str) -> None:
    (found,) = looked(server, server.place(prefix=PREFIX), HARMLESS[name])
    assert found.result == "ok"


def test_a_bucket_without_rules_or_a_prefix(server: Server) -> None:
    place = server.place(prefix="")
    assert [each.result for each in looked(server, place)] == ["ok"]
    assert [each.result for each in looked(server, place, HARMLESS["a neighbour"])] == ["danger"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(403, "AccessDenied", ""),
        Answer(501, "NotImplemented", ""),
        Answer(200, "", "<html>"),
        Answer(200, "", "<LifecycleConfiguration><!-- <Rule> --></LifecycleConfiguration>"),
        Answer(200, "", "<LifecycleConfiguration><a:Rule><a:ID>x</a:ID></a:Rule></LifecycleConfiguration>"),
        Answer(200, "", "<LifecycleConfiguration><Rule><ID>x</ID></LifecycleConfiguration>"),
    ],
)
def test_what_cannot_be_read_is_not_called_fine(answer: Answer) -> None:
    assert [each.result for each in lifecycle(answer, PREFIX)] == ["unknown"]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)


@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["", "<Expiration><Days>3</Days></Expiration>"])), max_size=5))
def test_any_names_are_read_back_and_texts_are_kept(given: list[tuple[str, str, str]]) -> None:
    """Names as a server writes them; every rule's text is found byte for byte; only expiries are refused."""
    texts = [
        f"<Rule><ID>{_told(name)}</ID><Filter><Prefix>{_told(prefix)}</Prefix></Filter>"
        f"<Status>Enabled</Status>{expiry}</Rule>"
        for name, prefix, expiry in given
    ]
    found = parsed(f'<LifecycleConfiguration xmlns="x">{"".join(texts)}</LifecycleConfiguration>')
    assert found is not None
    assert [each.text for each in found] == texts
    assert [(each.id, each.prefix) for each in found] == [(name, prefix) for name, prefix, _ in given]
    assert [each.expires for each in found] == ["3" if expiry else None for _, _, expiry in given]
    for rule in found:
        if rule.expires is None:
            require_no_danger([rule])
        else:
            with pytest.raises(NeedsOperator):
                require_no_danger([rule])


def _told(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ({"action": {"type": "Delete"}, "condition": {"age": 30}}, "danger"),
        ({"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["logs/", "pre/"]}}, "danger"),
        ({"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["logs/"]}}, "ok"),
        ({"action": {"type": "Delete"}, "condition": {"age": 30, "isLive": False}}, "ok"),
        ({"action": {"type": "Delete"}, "condition": {"numNewerVersions": 3}}, "ok"),
        ({"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"}, "condition": {"age": 30}}, "ok"),
        ({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}}, "ok"),
    ],
    ids=lambda each: each if isinstance(each, str) else json.dumps(each)[:60],
)
def test_rules_of_google_are_read_too(google: gcs_server.GcsServer, rule: dict[str, Any], result: str) -> None:
    bucket = google.bucket(permissions=gcs_server.OWNER, about={"lifecycle": {"rule": [rule]}})
    place, account = replace(google.place(prefix=PREFIX), bucket=bucket), ServiceAccount.of(google.key_file())
    questions = GcsQuestions(place, account, gcs_server.RELAY.policy, SystemClock())
    try:
        report = probe_gcs(place, gcs_store(place, account, gcs_server.RELAY, SystemClock()), questions)
    finally:
        questions.close()
    assert [each.result for each in report.findings if each.check == "lifecycle"] == [result]

"""Manifests as JSON: nothing is lost, newer shapes are refused, unknown fields passed over."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.contract import catalog as shapes
from holdfast.contract.codec import manifest_from_json, manifest_to_json
from holdfast.contract.snapshot import MANIFEST_VERSION, Manifest
from holdfast.kernel.errors import Corrupt

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
OPTIONAL = (typing.Union, types.UnionType)


def of(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Values of a field's type, as the contract's dataclasses declare them."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in OPTIONAL and "ForwardRef('JSON')" in repr(arguments):  # catalog.JSON, which names itself
        return json_values
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        fields = {f.name: of(hints[f.name]) for f in dataclasses.fields(hint) if f.name != "manifest_version"}
        return st.builds(typing.cast(type, hint), **fields)
    if origin in OPTIONAL:
        return st.one_of(*map(of, arguments))
    if origin is tuple:
        return st.lists(of(arguments[0]), max_size=2).map(tuple)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(text, of(arguments[1]), max_size=2)
    return {
        str: text,
        int: st.integers(),
        bool: st.booleans(),
        float: st.floats(allow_nan=False),
        type(None): st.none(),
    }[hint]


manifests = of(Manifest)
SMALL = Manifest("e", "1", "d", {"n": 1}, shapes.Catalog("e", "1", "d"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(manifests)
def test_a_manifest_is_read_back(manifest: Manifest) -> None:
    data = manifest_to_json(manifest)
    assert manifest_from_json(data) == manifest
    assert manifest_to_json(manifest_from_json(data)) == data


def test_unknown_fields_are_passed_over() -> None:
    document = json.loads(manifest_to_json(SMALL)) | {"later": {"x": 1}}
    document["catalog"]["later"] = [1]
    assert manifest_from_json(json.dumps(document).encode()) == SMALL


def test_a_newer_manifest_is_refused_with_a_way_out() -> None:
    document = json.loads(manifest_to_json(SMALL)) | {"manifest_version": MANIFEST_VERSION + 1}
    with pytest.raises(Corrupt) as caught:
        manifest_from_json(json.dumps(document).encode())
    assert caught.value.code == "manifest_too_new"
    assert "RESTORE.md" in (caught.value.hint or "")


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{", b"[" * 200_000, b'{"manifest_version":"1"}', b"\xff"])
def test_what_is_no_manifest_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        manifest_from_json(data)


@pytest.mark.parametrize("field", ["engine", "version", "database", "position", "catalog"])
def test_a_missing_field_is_corrupt(field: str) -> None:
    document = json.loads(manifest_to_json(SMALL))
    del document[field]
    with pytest.raises(Corrupt):
        manifest_from_json(json.dumps(document).encode())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_manifest_is_corrupt_and_nothing_else(data: st.DataObject) -> None:
    """A value of another shape somewhere: what must be a list is a number, what must be an object is text."""
    document = json.loads(manifest_to_json(SMALL))
    document["catalog"]["relations"] = [{"schema": "s", "name": "n", "kind": "table", "columns": [{"name": "c"}]}]
    place = data.draw(st.sampled_from([document, document["catalog"], document["catalog"]["relations"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    try:
        manifest_from_json(json.dumps(document).encode())
    except Corrupt:
        return

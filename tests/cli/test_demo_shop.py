"""The demo's data: the same everywhere, and as awkward as it claims."""

from __future__ import annotations

import hashlib

import pytest

from holdfast.commands.demo.dialects import dialect_for
from holdfast.commands.demo.shop import TABLES, Shop
from holdfast.commands.demo.shopkeeper import Facts, differences


def digest(shop: Shop) -> str:
    made = hashlib.sha256()
    for table in TABLES:
        for row in shop.table(table.name):
            made.update(repr(row).encode())
    return made.hexdigest()


def test_the_same_seed_gives_the_same_rows_whatever_the_order_of_asking() -> None:
    first, second = Shop(7, 2000), Shop(7, 2000)
    list(second.table("payments"))
    assert digest(first) == digest(second)


def test_rows_do_not_drift_between_releases() -> None:
    """Another digest means that other data is generated: say so in the changelog."""
    assert digest(Shop(1, 1000)) == "1c17ed5e41e649fba5871a017b9d0a49b94a55af5dc5ca3d5072d21ed79da449"


def test_another_seed_gives_other_rows() -> None:
    assert digest(Shop(1, 1000)) != digest(Shop(2, 1000))


def test_the_default_is_about_fifty_thousand_rows() -> None:
    shop = Shop()
    assert 48_000 < sum(1 for table in TABLES for _ in shop.table(table.name)) < 54_000


def test_rows_fit_their_columns_and_keys_are_unique_and_references_exist() -> None:
    shop = Shop(3, 3000)
    ids: dict[str, set[object]] = {}
    for table in TABLES:
        names = [name for name, _ in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in shop.table(table.name)]
        keys = {tuple(row[name] for name in table.key) for row in rows}
        assert len(keys) == len(rows)
        ids[table.name] = {row.get("id") for row in rows}
        for column, target in (
            ("customer_id", "customers"),
            ("product_id", "products"),
            ("order_id", "orders"),
            ("address_id", "addresses"),
            ("category_id", "categories"),
            ("parent_id", "categories"),
        ):
            wanted = {row[column] for row in rows if row.get(column) is not None}
            assert wanted <= ids.get(target, set()) | ({0} & wanted), (table.name, column)


def test_the_data_is_awkward() -> None:
    shop = Shop()
    everything = [value for table in TABLES for row in shop.table(table.name) for value in row]
    text = [value for value in everything if isinstance(value, str)]
    assert None in everything
    assert "" in text
    assert any(isinstance(value, bytes) and b"\x00" in value for value in everything)
    assert any("👨‍👩‍👧‍👦" in value for value in text)
    assert any("'" in value and '"' in value for value in text)
    assert any("\n" in value for value in text)


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_a_dialect_makes_every_table(name: str) -> None:
    dialect = dialect_for(name)
    assert dialect is not None
    for table in TABLES:
        assert any(f"create table {table.name} " in statement for statement in dialect.DDL)
        assert table.name in dialect.content(table)


@pytest.mark.parametrize("name", [None, "", "cypher", "../../etc", "no.such"])
def test_a_dialect_we_do_not_speak_is_none(name: str | None) -> None:
    assert dialect_for(name) is None


def test_differences_are_named() -> None:
    same = {"a": Facts(1, "x"), "b": Facts(2, "y")}
    assert differences(same, dict(same)) == []
    assert differences(same, {"a": Facts(1, "z"), "c": Facts(0, "")}) == [
        "a: same number of rows, other contents",
        "b: missing",
        "c: unexpected",
    ]
    assert differences({"a": Facts(1, "x")}, {"a": Facts(2, "x")}) == ["a: 1 rows expected, 2 found"]

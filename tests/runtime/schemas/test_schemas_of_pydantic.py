"""Schemas as Pydantic writes them: taken as they are, in a file of the project."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from holdfast.runtime.declared import Declarations
from holdfast.runtime.openapi import About, document
from holdfast.runtime.python.schemas.schema import Schema


class Colour(Enum):
    red = "red"
    blue = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(default=9, ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    friends: list[Dog] = []


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: UUID
    at: datetime
    day: date | None = None
    hour: time | None = None
    lasts: timedelta | None = None
    price: Decimal = Field(gt=0)
    colour: Colour = Colour.red
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    where: tuple[float, float] | None = None
    counts: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] = {}
    names: set[str] = set()
    address: IPv4Address | None = None
    site: AnyUrl | None = None
    word: SecretStr | None = None


GOOD: dict[str, Any] = {
    "id": "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "at": "2026-01-31T12:00:00Z", "day": "2026-01-31",
    "hour": "12:00:00Z", "lasts": "P1DT2H", "price": "12.50", "pet": {"kind": "dog", "friends": [{"kind": "dog"}]},
    "where": [1.5, 2], "counts": {"a": 1}, "names": ["x", "y"], "address": "10.0.0.1", "site": "https://example.org/",
    "word": "open",
}  # fmt: skip
BAD: list[dict[str, Any]] = [
    {"id": "x"}, {"at": "yesterday"}, {"day": "2026-13-01"}, {"price": 0}, {"colour": "green"},
    {"pet": {"kind": "cow"}}, {"pet": {"kind": "cat", "lives": 10}}, {"pet": {"kind": "dog", "friends": [{}]}},
    {"where": [1.5]}, {"where": [1, 2, 3]}, {"counts": {"a": "x"}}, {"address": "10.0.0"}, {"more": 1},
]  # fmt: skip


def test_what_pydantic_takes_is_taken() -> None:
    schema = Schema(Order.model_json_schema())
    Order.model_validate_json(json.dumps(GOOD))
    assert schema.faults(GOOD) == []
    assert schema.faults({name: GOOD[name] for name in ("id", "at", "price", "pet")}) == []


@pytest.mark.parametrize("change", BAD, ids=str)
def test_what_pydantic_refuses_is_refused_and_named(change: dict[str, Any]) -> None:
    """Where its schema says so: of the text of a Decimal and the names of a dict it says less than it checks."""
    with pytest.raises(ValidationError):
        Order.model_validate_json(json.dumps(GOOD | change))
    faults = Schema(Order.model_json_schema()).faults(GOOD | change)
    assert faults
    assert {each.path[0] for each in faults} == set(change)


def test_a_file_of_it_serves_several_routes() -> None:
    """Its own `#/$defs` mean its own, wherever it is referred to from."""
    body = {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}
    routes = [{"method": "POST", "path": "/orders", "body": body}]
    wrong: list[Any] = []
    files = {"order.json": json.dumps(Order.model_json_schema()).encode()}
    reading = Declarations(lambda place, message: wrong.append((place, message)), files.get)
    found = reading.declared(routes, {"Order": "order.json"})
    assert wrong == []
    schema = Schema(found.routes[0]["body"], found.schemas)
    assert schema.faults([GOOD]) == []
    assert [each.named("body") for each in schema.faults([GOOD, GOOD | {"pet": {"kind": "cat", "lives": 0}}])] == [
        "body[1].pet.lives"
    ]
    made = document(About("orders", "1"), found.routes, found.schemas)
    text = json.dumps(made)
    assert '"#/$defs/' not in text
    assert '"#/components/schemas/Order/$defs/Dog"' in text

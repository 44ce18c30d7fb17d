"""A shop's data: the same seed and size always give the same rows, on every machine and engine.

Values are neutral (text for numerics, RFC 3339 for moments, JSON text for documents and lists, bytes for blobs); a
dialect says how each kind is bound.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from holdfast.commands.demo import words

Kind = Literal["int", "text", "status", "numeric", "float", "bool", "moment", "date", "json", "tags", "blob"]
Row = tuple[Any, ...]
DEFAULT_ROWS = 50_000
_START = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN_SECONDS = 600 * 86_400


@dataclass(frozen=True)
class Table:
    """One table in loading order: `columns` are (name, kind), `key` its primary key."""

    name: str
    columns: tuple[tuple[str, Kind], ...]
    key: tuple[str, ...] = ("id",)

    def __init__(self, name: str, columns: str, key: str = "id") -> None:
        pairs = tuple(tuple(part.split(":")) for part in columns.split())
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "columns", pairs)
        object.__setattr__(self, "key", tuple(key.split()))


TABLES = (
    Table("customers", "id:int email:text name:text phone:text born:date vip:bool score:float created_at:moment"),
    Table("addresses", "id:int customer_id:int street:text city:text postcode:text country:text is_default:bool"),
    Table("categories", "id:int parent_id:int name:text"),
    Table(
        "products",
        "id:int category_id:int sku:text name:text description:text price:numeric weight_kg:float "
        "attributes:json tags:tags thumbnail:blob active:bool created_at:moment",
    ),
    Table("orders", "id:int customer_id:int address_id:int status:status note:text placed_at:moment"),
    Table("order_items", "order_id:int line:int product_id:int quantity:int unit_price:numeric", "order_id line"),
    Table("reviews", "id:int product_id:int customer_id:int rating:int title:text body:text written_at:moment"),
    Table("payments", "id:int order_id:int amount:numeric method:text reference:text paid_at:moment"),
    Table("audit_log", "id:int at:moment actor:text action:text subject:text before:json after:json"),
)
_SHARES = {
    "customers": 0.09,
    "addresses": 0.11,
    "categories": 0.0008,
    "products": 0.02,
    "orders": 0.16,
    "reviews": 0.08,
    "audit_log": 0.0792,
}


class Shop:
    """Rows of every table. `rows` is the wished total; the real one differs a little (items per order vary)."""

    def __init__(self, seed: int = 20_260_101, rows: int = DEFAULT_ROWS) -> None:
        self._seed = seed
        self.count = {name: max(12, int(rows * share)) for name, share in _SHARES.items()}

    def table(self, name: str) -> Iterator[Row]:
        """All rows of one table in key order, whatever was asked before: each table has its own stream of numbers."""
        make = getattr(self, f"_{name}")
        rows: Iterator[Row] = make(self._random(name))
        return rows

    def _random(self, what: str) -> Random:
        return Random(f"{self._seed}:{what}")  # noqa: S311 - repeatable on purpose

    def _customers(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["customers"] + 1):
            name = f"{random.choice(words.GIVEN)} {random.choice(words.FAMILY)}"
            phone = f"+{random.randint(1, 99)} {random.randint(10**8, 10**9 - 1)}" if random.random() < 0.7 else None
            born = (datetime(1950, 1, 1) + timedelta(days=random.randint(0, 20_000))).date().isoformat()
            yield (
                number,
                f"user{number}@example.{random.choice(('org', 'com', 'net'))}",
                name,
                phone,
                born if random.random() < 0.9 else None,
                random.random() < 0.05,
                round(random.gauss(50, 17), 3),
                moment(random),
            )

    def _addresses(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["addresses"] + 1):
            city, country = random.choice(words.CITIES)
            yield (
                number,
                random.randint(1, self.count["customers"]),
                f"{random.choice(words.STREETS)} {random.randint(1, 240)}",
                city,
                f"{random.randint(0, 99_999):05d}" if random.random() < 0.95 else None,
                country,
                random.random() < 0.6,
            )

    def _categories(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["categories"] + 1):
            parent = random.randint(1, number - 1) if number > 6 else None
            yield number, parent, f"{random.choice(words.CATEGORIES)} {number}"

    def _products(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["products"] + 1):
            attributes = {
                "colour": random.choice(words.COLOURS),
                "size": {"cm": [random.randint(1, 200) for _ in range(3)]},
                "rating": round(random.random() * 5, 2),
                "notes": random.choice((None, "naïve — “quoted”", "line\nbreak", "🧵")),
            }
            yield (
                number,
                random.randint(1, self.count["categories"]),
                f"SKU-{number:06d}",
                f"{random.choice(words.COLOURS)} {random.choice(words.CATEGORIES)}",
                sentence(random, 25),
                price(random, number),
                round(random.expovariate(0.5), 4) if random.random() < 0.8 else None,
                json.dumps(attributes, ensure_ascii=False, sort_keys=True),
                json.dumps(sorted(random.sample(words.TAGS, random.randint(0, 4))), ensure_ascii=False),
                thumbnail(random) if random.random() < 0.6 else None,
                random.random() < 0.93,
                moment(random),
            )

    def _orders(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["orders"] + 1):
            yield (
                number,
                random.randint(1, self.count["customers"]),
                random.randint(1, self.count["addresses"]) if random.random() < 0.97 else None,
                random.choice(("new", "paid", "paid", "shipped", "shipped", "shipped", "cancelled")),
                sentence(random, 8) if random.random() < 0.1 else None,
                moment(random),
            )

    def _order_items(self, random: Random) -> Iterator[Row]:
        for order in range(1, self.count["orders"] + 1):
            for line in range(1, random.choice((1, 1, 2, 2, 2, 3, 3, 5)) + 1):
                yield (
                    order,
                    line,
                    random.randint(1, self.count["products"]),
                    random.randint(1, 9),
                    price(random, random.randint(1, 10_000)),
                )

    def _reviews(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["reviews"] + 1):
            yield (
                number,
                random.randint(1, self.count["products"]),
                random.randint(1, self.count["customers"]) if random.random() < 0.9 else None,
                random.choice((1, 2, 3, 4, 4, 5, 5, 5)),
                random.choice(words.TITLES) if random.random() < 0.8 else None,
                random.choice(("", sentence(random, 30), None, random.choice(words.UNICODE))),
                moment(random),
            )

    def _payments(self, random: Random) -> Iterator[Row]:
        for number in range(1, int(self.count["orders"] * 0.82) + 1):
            yield (
                number,
                number,
                price(random, number + 40),
                random.choice(("card", "transfer", "wallet", "cash")),
                f"{random.getrandbits(64):016x}" if random.random() < 0.9 else None,
                moment(random),
            )

    def _audit_log(self, random: Random) -> Iterator[Row]:
        for number in range(1, self.count["audit_log"] + 1):
            before, after = {"stock": random.randint(0, 500)}, {"stock": random.randint(0, 500)}
            yield (
                number,
                moment(random),
                f"user{random.randint(1, 40)}",
                random.choice(("update", "login", "export")),
                f"products/{random.randint(1, self.count['products'])}",
                json.dumps(before) if random.random() < 0.8 else None,
                json.dumps(after),
            )


def moment(random: Random) -> str:
    """RFC 3339 in UTC with microseconds; some exactly on a second, some at the end of one."""
    at = _START + timedelta(seconds=random.randint(0, _SPAN_SECONDS))
    return at.replace(microsecond=random.choice((0, 0, 1, 999_999, 123_456))).isoformat(timespec="microseconds")


def price(random: Random, number: int) -> str:
    """Two decimals, as text: a price never passes through a binary fraction."""
    return f"{random.randint(0, 40 + number % 900)}.{random.randint(0, 99):02d}"


def sentence(random: Random, most: int) -> str:
    return " ".join(random.choice(words.TEXT) for _ in range(random.randint(3, most))).capitalize() + "."


def thumbnail(random: Random) -> bytes:
    """A small PNG-like blob: a magic number, NULs and bytes of every value."""
    body = random.randbytes(random.randint(40, 220))
    return b"\x89PNG\r\n\x1a\n\x00\x00" + body + zlib.crc32(body).to_bytes(4, "big")

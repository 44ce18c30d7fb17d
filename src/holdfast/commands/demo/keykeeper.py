"""The shop where there are keys instead of tables: every type of value, some that expire, bytes that are no text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from holdfast.client import Client
from holdfast.commands.demo.shop import TABLES, Shop
from holdfast.commands.demo.shopkeeper import Facts
from holdfast.features.databases.cli_query import Result
from holdfast.kernel.errors import Permanent

_AT_ONCE = 400  # words of one command
_ENTRIES = 100
_SESSIONS = 40
_EXPIRES = 4_102_444_800_123  # the first moments of 2100
_BYTES = 64 * 1024 * 1024
_READ: dict[str, tuple[str, ...]] = {
    "hash": ("HGETALL",),
    "list": ("LRANGE", "0", "-1"),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    "stream": ("XRANGE", "-", "+"),
}
_ORDERED = ("list", "stream", "zset")


class Keykeeper:
    """Implements Keeper over one database. Every command goes through the public API with bound parameters."""

    def __init__(self, client: Client, database_id: str) -> None:
        self._client = client
        self.database_id = database_id

    def load(self, shop: Shop, progress: Callable[[str, int], None] = lambda *_: None) -> int:
        """The number of elements: fields, members, entries, texts."""
        rows = {table.name: _dicts(shop, table.name) for table in TABLES}
        total = 0
        for name, make in (
            ("customers", self._customers), ("products", self._products), ("orders", self._orders),
            ("reviews", self._reviews), ("audit_log", self._audit),
        ):  # fmt: skip
            total += make(rows[name])
            progress(name, total)
        for number in range(_SESSIONS):
            self._write("SET", f"session:{number}", f"user{number}", "PXAT", str(_EXPIRES))
        return total + _SESSIONS

    def change(self, shop: Shop) -> dict[str, int]:
        """As a day of business: names changed, texts and keys gone, orders and points new."""
        changed = [word for n in range(7, shop.count["customers"], 50) for word in (str(n), "Changed 変更 \U0001f501")]
        updated = len(changed) // 2
        for start in range(0, len(changed), _AT_ONCE):
            self._write("HSET", "customers", *changed[start : start + _AT_ONCE])
        gone = [f"product:{n}" for n in range(3, shop.count["products"], 10)]
        deleted = sum(self._write("DEL", *gone[at : at + _AT_ONCE]) for at in range(0, len(gone), _AT_ONCE))
        deleted += self._write("DEL", "session:1", "tag:sale")
        inserted = self._write("RPUSH", "orders:new", *(f"new order {n}" for n in range(50))) and 50
        self._write("ZINCRBY", "ratings", "2.5", "product:1")
        self._write("PERSIST", "session:2")
        return {"updated": updated + 2, "deleted": deleted, "inserted": inserted}

    def facts(self) -> dict[str, Facts]:
        """Elements and a checksum of keys, values and expiries of every type."""
        listed = {str(item["name"]): item for item in self._client.items(f"/databases/{self.database_id}/keys")}
        texts = sorted(key for key, item in listed.items() if item["type"] == "string")
        values: dict[str, Any] = {}
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            values |= zip(part, [row[0] for row in self._read("MGET", *part)], strict=True)
        for key, item in listed.items():
            if item["type"] != "string":
                command, *words = _READ[item["type"]]
                told = self._read(command, key, *words)
                values[key] = told if item["type"] in _ORDERED else sorted(told, key=str)
        found: dict[str, Facts] = {}
        for kind in sorted({item["type"] for item in listed.values()}):
            keys = sorted(key for key, item in listed.items() if item["type"] == kind)
            lines = [json.dumps([key, listed[key]["expires_at"], values[key]], ensure_ascii=False) for key in keys]
            count = len(keys) if kind == "string" else sum(len(values[key]) for key in keys)
            found[kind] = Facts(count, hashlib.sha256("\n".join(lines).encode()).hexdigest())
        return found

    def alive(self) -> None:
        """Raises what the server says when it is not there."""
        self._read("PING")

    def _customers(self, rows: Iterator[dict[str, Any]]) -> int:
        return self._many("HSET", "customers", ((str(row["id"]), row["name"]) for row in rows))

    def _products(self, rows: Iterator[dict[str, Any]]) -> int:
        """A text each, a picture for some, and the set of each tag."""
        texts: list[Any] = []
        tags: dict[str, list[Any]] = {}
        total = 0
        for row in rows:
            picture = row.pop("thumbnail")
            for tag in json.loads(row["tags"]):
                tags.setdefault(tag, []).append(str(row["id"]))
            texts += [f"product:{row['id']}", json.dumps(row, ensure_ascii=False)]
            if picture is not None:
                texts += [f"picture:{row['id']}", {"$bytes": base64.b64encode(picture).decode()}]
        for start in range(0, len(texts), _AT_ONCE):
            self._write("MSET", *texts[start : start + _AT_ONCE])
            total += len(texts[start : start + _AT_ONCE]) // 2
        return total + sum(self._many("SADD", f"tag:{tag}", ((one,) for one in found)) for tag, found in tags.items())

    def _orders(self, rows: Iterator[dict[str, Any]]) -> int:
        by_status: dict[str, list[str]] = {}
        for row in rows:
            by_status.setdefault(row["status"], []).append(json.dumps([row["id"], row["note"], row["placed_at"]]))
        return sum(self._many("RPUSH", f"orders:{name}", ((one,) for one in each)) for name, each in by_status.items())

    def _reviews(self, rows: Iterator[dict[str, Any]]) -> int:
        points: dict[int, float] = {}
        for row in rows:
            points[row["product_id"]] = points.get(row["product_id"], 0.0) + row["rating"] / 4
        return self._many("ZADD", "ratings", ((repr(score), f"product:{one}") for one, score in points.items()))

    def _audit(self, rows: Iterator[dict[str, Any]]) -> int:
        count = 0
        for row in islice(rows, _ENTRIES):
            self._write("XADD", "audit", f"{row['id']}-1", "actor", row["actor"], "after", row["after"])
            count += 1
        return count

    def _many(self, command: str, key: str, parts: Iterator[tuple[Any, ...]]) -> int:
        count = 0
        while batch := list(islice(parts, _AT_ONCE // 2)):
            self._write(command, key, *(word for part in batch for word in part))
            count += len(batch)
        return count

    def _write(self, command: str, *words: Any) -> int:
        result = self._result(command, words, write=True)
        for _ in result.rows():
            pass
        return int(result.end.get("affected") or 0)

    def _read(self, command: str, *words: Any) -> list[list[Any]]:
        result = self._result(command, words, write=False)
        rows = list(result.rows())
        if result.end.get("truncated"):
            raise Permanent(f"the answer to {command} was cut: {result.end['truncated']}", code="answer_cut")
        return rows

    def _result(self, command: str, words: tuple[Any, ...], *, write: bool) -> Result:
        statement = " ".join([command, *("?" for _ in words)])
        body = {"statement": statement, "params": list(words), "write": write, "rows": 100_000, "bytes": _BYTES}
        return Result(self._client, self.database_id, body)


def _dicts(shop: Shop, name: str) -> Iterator[dict[str, Any]]:
    table = next(one for one in TABLES if one.name == name)
    names = [column for column, _ in table.columns]
    return (dict(zip(names, row, strict=True)) for row in shop.table(name))

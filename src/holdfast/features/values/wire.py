"""Keys and values as JSON: text where the bytes are UTF-8, {"$bytes": base64} otherwise, on the way in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from holdfast.contract.keyspace import Delete, Edit, Elements, Expire, KeyFacts, Put, Rename, Value
from holdfast.features.databases.encoding import decode_value, encode_value
from holdfast.kernel.errors import Invalid
from holdfast.web.wire import In

Number = Annotated[int, Field(ge=0, le=1_000_000, description="Number of the database inside the server.")]
Name = Annotated[str | dict[str, Any], Field(description='Text, or {"$bytes": base64}.', examples=["session:1"])]
Type = Literal["string", "hash", "list", "set", "zset", "stream"]
Moment = Annotated[AwareDatetime | None, Field(description="When the key goes by itself; null: it stays.")]
Element = Any


class KeyIn(In):
    """Which key."""

    name: Name
    database: Number = 0


class KeyReadIn(KeyIn):
    """Which part of which key."""

    limit: int = Field(default=100, ge=1, le=1000, description="About so many elements.")
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the part before.")


class KeyPutIn(KeyIn):
    """A whole value: elements as they are read."""

    type: Type
    elements: list[Element] = Field(max_length=10_000, examples=[[["field", "value"]]])
    expires_at: Moment = None
    create: bool = Field(default=False, description="Refuse to replace a key that exists.")

    def edit(self) -> Edit:
        return Put(self.type, encoded(self.elements), _ms(self.expires_at), self.create)


class KeyPatchIn(KeyIn):
    """ONE change: elements, the expiry, or the name."""

    put: list[Element] = Field(default_factory=list, max_length=10_000, description="Elements to add or change.")
    remove: list[Element] = Field(default_factory=list, max_length=10_000, description="Fields, members, ids, indexes.")
    expires_at: Moment = None
    rename_to: Name | None = None

    def edit(self) -> Edit:
        """Raises Invalid unless it is one change."""
        given = self.model_fields_set - {"name", "database"}
        if given and given <= {"put", "remove"}:
            return Elements(encoded(self.put), encoded(self.remove))
        if given == {"expires_at"}:
            return Expire(_ms(self.expires_at))
        if given == {"rename_to"} and self.rename_to is not None:
            return Rename(key_of(self.rename_to))
        raise Invalid("a change is one of: put and remove, expires_at, rename_to", code="edit_invalid")


class KeyDeleteIn(KeyIn):
    """Which key goes."""

    def edit(self) -> Edit:
        return Delete()


class KeyOut(BaseModel):
    """A key: `size` in elements, for strings in bytes; `memory` in bytes."""

    name: Any
    type: str
    size: int | None
    memory: int | None
    expires_at: datetime | None

    @classmethod
    def of(cls, facts: KeyFacts) -> KeyOut:
        return cls(
            name=_shown(facts.key),
            type=facts.type,
            size=facts.size,
            memory=facts.memory,
            expires_at=None if facts.expires_ms is None else datetime.fromtimestamp(facts.expires_ms / 1000, UTC),
        )


class ValueOut(KeyOut):
    """A part of a value. `digest` stands for all of it, and is the ETag."""

    elements: list[Any]
    offset: int | None
    digest: str | None
    next_cursor: str | None

    @classmethod
    def part(cls, value: Value) -> ValueOut:
        return cls(
            **vars(KeyOut.of(value.facts)),
            elements=[_shown(one) for one in value.elements],
            offset=value.offset,
            digest=value.digest,
            next_cursor=value.cursor,
        )


def key_of(name: Any) -> bytes:
    """Raises Invalid (code "params_invalid")."""
    found = _encoded(decode_value(name))
    if not isinstance(found, bytes):
        raise Invalid('a key is text or {"$bytes": base64}', code="params_invalid")
    return found


def encoded(elements: list[Any]) -> list[Any]:
    """Text as UTF-8; ids of streams, numbers and null stay what they are where the engine expects them so."""
    return [_encoded(decode_value(one)) for one in elements]


def _encoded(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise Invalid("this text holds half a character", code="params_invalid") from None
    if isinstance(value, list):
        return [_encoded(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, bytes | int | float | None):
        raise Invalid("an element is text, bytes, a number or a pair of them", code="elements_invalid")
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return encode_value(value)
    if isinstance(value, tuple):
        return [_shown(one) for one in value]
    return encode_value(value)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)

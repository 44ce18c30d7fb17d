"""Values as bytes, between a worker and the processes that serve it. Deterministic, strict, nothing is executed.

One tag byte, then: 0 None; 1 True; 2 False; 3 a whole number in 8 bytes; 4 a longer one (length, two's complement);
5 a float in 8 bytes, NaN and infinities included; 6 text (length, UTF-8); 7 bytes (length, content); 8 a list (count,
items); 9 a dict (count, then length and UTF-8 of each key and its value); 10 a moment (microseconds since 1970 in UTC,
8 bytes); 11 a set (count, items in the order of their bytes); 12 an error (two texts: its name and its message);
13 a parcel (a text, its kind, and a dict, its fields). Everything is little-endian; lengths and counts have 4 bytes.
A reader refuses unknown tags, lengths beyond the end, bytes left over, repeated keys and members, more than 64 levels
and more than a million items.

The sandbox imports this: standard library only.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from holdfast.runtime.bindings.attributes import JsError

DEPTH: Final = 64
ITEMS: Final = 1_000_000
LONGEST_INTEGER: Final = 64 * 1024  # bytes
LONGEST: Final = 32 * 1024 * 1024  # bytes of one encoded value, where the caller names no other limit

TEXT: Final = 6  # the tag of a text, whose UTF-8 begins at the sixth byte
_NONE, _TRUE, _FALSE, _INT, _BIG, _FLOAT, _TEXT, _BYTES, _LIST, _DICT, _MOMENT, _SET, _ERROR, _PARCEL = range(14)
_I64, _F64, _U32 = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I")
_TAG_U32, _TAG_I64, _TAG_F64 = struct.Struct("<BI"), struct.Struct("<Bq"), struct.Struct("<Bd")
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A value that only the runtimes at both ends know: a Request, a Response, a Blob."""

    kind: str
    fields: dict[str, Any]


class Malformed(ValueError):
    """Bytes that no encoder of ours has written."""


class Unsendable(TypeError):
    """A value that cannot leave the worker: its type has no form here."""


class Uncloneable(JsError, Unsendable):
    """As Unsendable, for what is no plain value at all: JavaScript's DataCloneError, which published workers catch as
    `JsException`."""

    def __init__(self, value: object) -> None:
        kind = type(value).__name__
        super().__init__(f'DataCloneError: Could not serialize object of type "{kind}". This type does not travel.')
        self.name = "DataCloneError"


class TooLong(ValueError):
    """A value whose encoding is longer than it may be."""


def encode(value: object, longest: int = LONGEST) -> bytes:
    """`value` as bytes. Raises Unsendable for a tuple, a bytearray or something awaitable, Uncloneable for any other
    type without a form; TooLong for more than `longest` bytes."""
    out: list[bytes] = []
    _write(value, out.append, 0)
    data = b"".join(out)
    if len(data) > longest:
        raise TooLong(f"a value of {len(data)} bytes is longer than the {longest} allowed")
    return data


def decode(
    data: bytes | bytearray | memoryview,
    make: Callable[[dict[str, Any]], Any] = dict,
    binary: Callable[[bytes], Any] | None = None,
    unpack: Callable[[Parcel], Any] | None = None,
) -> Any:
    """The value; `make` turns each dict, `binary` all bytes and `unpack` each parcel into what the caller hands out.
    Raises Malformed, and what `unpack` raises."""
    reader = _Reader(bytes(data), make, binary, unpack)
    try:
        value = reader.read(0)
    except (struct.error, IndexError) as error:
        raise Malformed("the bytes end in the middle of a value") from error
    except UnicodeDecodeError as error:
        raise Malformed("a text is not UTF-8") from error
    if reader.at != len(reader.data):
        raise Malformed(f"{len(reader.data) - reader.at} bytes are left over")
    return value


def encode_call(args: Sequence[object], options: Mapping[str, object], longest: int = LONGEST) -> bytes:
    """The body of `POST /rpc/<method>`: a list of the positional arguments and a dict of the named ones."""
    return encode([list(args), dict(options)], longest)


def decode_call(
    data: bytes,
    make: Callable[[dict[str, Any]], Any] = dict,
    binary: Callable[[bytes], Any] | None = None,
    unpack: Callable[[Parcel], Any] | None = None,
) -> tuple[list[Any], dict[str, Any]]:
    """What `encode_call` has written. Raises Malformed."""
    match decode(data, make, binary, unpack):
        case [list() as args, dict() as options]:
            return args, dict(options)
    raise Malformed("a call is a list of arguments and a dict of options")


def encode_error(kind: str, message: str) -> bytes:
    """The body of an answer 500 to a call: the exception's type name and its text."""
    return encode({"type": whole_text(kind), "message": whole_text(message)})


def whole_text(text: str) -> str:
    """`text` without half characters: otherwise an error whose words hold one could not be told."""
    return text.encode(errors="replace").decode()


def decode_error(data: bytes) -> tuple[str, str]:
    """What `encode_error` has written; anything else becomes an Error without words of its own."""
    try:
        match decode(data):
            case {"type": str() as kind, "message": str() as message}:
                return kind, message
    except Malformed:
        pass
    return "Error", "the worker's answer cannot be read"


def _write(value: object, put: Callable[[bytes], None], depth: int) -> None:
    kind = type(value)
    if kind is str:
        _write_text(value, put)  # type: ignore[arg-type]
    elif value is None:
        put(b"\0")
    elif kind is bool:
        put(b"\1" if value else b"\2")
    elif kind is int:
        _write_int(value, put)  # type: ignore[arg-type]
    elif kind is bytes:
        put(_TAG_U32.pack(_BYTES, len(value)))  # type: ignore[arg-type]
        put(value)  # type: ignore[arg-type]
    elif kind is float:
        put(_TAG_F64.pack(_FLOAT, value))
    elif depth >= DEPTH:
        raise Unsendable(f"a value is nested deeper than {DEPTH} levels")
    elif isinstance(value, list):
        put(_TAG_U32.pack(_LIST, len(value)))
        for item in value:
            _write(item, put, depth + 1)
    elif isinstance(value, dict):
        _write_dict(value, put, depth)
    else:
        _write_other(value, put, depth)


def _write_text(value: str, put: Callable[[bytes], None]) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise Unsendable("a text holds half a character and has no UTF-8 form") from error
    put(_TAG_U32.pack(_TEXT, len(data)))
    put(data)


def _write_int(value: int, put: Callable[[bytes], None]) -> None:
    if _LEAST <= value <= _MOST:
        put(_TAG_I64.pack(_INT, value))
        return
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(data) > LONGEST_INTEGER:
        raise Unsendable(f"a whole number of {len(data)} bytes is longer than the {LONGEST_INTEGER} allowed")
    put(_TAG_U32.pack(_BIG, len(data)))
    put(data)


def _write_dict(value: dict[Any, Any], put: Callable[[bytes], None], depth: int) -> None:
    put(_TAG_U32.pack(_DICT, len(value)))
    for key, item in value.items():
        if not isinstance(key, str):
            raise Unsendable(f"the keys of a dict are strings, not {type(key).__name__}")
        try:
            data = key.encode()
        except UnicodeEncodeError as error:
            raise Unsendable("a key holds half a character and has no UTF-8 form") from error
        put(_U32.pack(len(data)))
        put(data)
        _write(item, put, depth + 1)


def _write_set(value: set[Any] | frozenset[Any], put: Callable[[bytes], None], depth: int) -> None:
    put(_TAG_U32.pack(_SET, len(value)))
    members: list[bytes] = []
    for item in value:
        out: list[bytes] = []
        _write(item, out.append, depth + 1)
        members.append(b"".join(out))
    for member in sorted(members):
        put(member)


def _write_other(value: object, put: Callable[[bytes], None], depth: int) -> None:
    """Subclasses and the rarer types; a naive moment is UTC, as every clock in a sandbox is."""
    if isinstance(value, set | frozenset):
        _write_set(value, put, depth)
    elif isinstance(value, Parcel):
        put(bytes([_PARCEL]))
        _write_text(value.kind, put)
        _write_dict(value.fields, put, depth)
    elif hasattr(type(value), "to_py"):  # JavaScript's Date, its arrays of bytes
        _write(value.to_py(), put, depth + 1)  # type: ignore[attr-defined]
    else:
        _write_subclass(value, put)


def _write_subclass(value: object, put: Callable[[bytes], None]) -> None:
    if isinstance(value, memoryview):
        put(_TAG_U32.pack(_BYTES, value.nbytes))
        put(value.tobytes())
    elif isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        put(_TAG_I64.pack(_MOMENT, (moment - _EPOCH) // _MICROSECOND))
    elif isinstance(value, str):
        _write_text(str.__str__(value), put)
    elif isinstance(value, int):
        _write_int(int(value), put)
    elif isinstance(value, float):
        put(_TAG_F64.pack(_FLOAT, value))
    elif isinstance(value, bytes):
        put(_TAG_U32.pack(_BYTES, len(value)))
        put(bytes(value))
    elif inspect.isawaitable(value):
        raise Unsendable(f"Awaitable {type(value)} cannot be sent over RPC.")
    elif isinstance(value, tuple | bytearray):
        raise Unsendable(f"{type(value)} cannot be sent over RPC.")
    elif isinstance(value, Exception):
        put(bytes([_ERROR]))
        _write_text(value.name if isinstance(value, JsError) else type(value).__name__, put)
        _write_text(str(value), put)
    else:
        raise Uncloneable(value)


class _Reader:
    __slots__ = ("at", "binary", "data", "items", "make", "unpack")

    def __init__(
        self,
        data: bytes,
        make: Callable[[dict[str, Any]], Any],
        binary: Callable[[bytes], Any] | None,
        unpack: Callable[[Parcel], Any] | None,
    ) -> None:
        self.data, self.at, self.items = data, 0, 0
        self.make, self.binary, self.unpack = make, binary, unpack

    def read(self, depth: int) -> Any:
        tag = self.data[self.at]
        self.at += 1
        if tag == _TEXT:
            return self._take().decode()
        if tag <= _FALSE:
            return (None, True, False)[tag]
        if tag == _INT:
            self.at += 8
            return _I64.unpack_from(self.data, self.at - 8)[0]
        if tag == _BYTES:
            return self._take() if self.binary is None else self.binary(self._take())
        if tag == _LIST:
            return [self.read(depth + 1) for _ in range(self._count(depth, 1))]
        if tag == _DICT:
            return self._read_dict(depth)
        return self._read_rare(tag, depth)

    def _read_rare(self, tag: int, depth: int) -> Any:
        if tag == _FLOAT:
            self.at += 8
            return _F64.unpack_from(self.data, self.at - 8)[0]
        if tag == _BIG:
            return self._read_big()
        if tag == _MOMENT:
            self.at += 8
            try:
                return _EPOCH + timedelta(microseconds=_I64.unpack_from(self.data, self.at - 8)[0])
            except OverflowError as error:
                raise Malformed("a moment lies outside the years 1 to 9999") from error
        if tag == _SET:
            return self._read_set(depth)
        if tag == _ERROR:
            name, message = self._read_text(), self._read_text()
            return JsError.named(name, message)
        if tag == _PARCEL:
            return self._read_parcel(depth)
        raise Malformed(f"no value begins with the byte {tag}")

    def _read_parcel(self, depth: int) -> Any:
        kind = self._read_text()
        if self.data[self.at] != _DICT:
            raise Malformed("a parcel's fields are a dict")
        self.at += 1
        make, self.make = self.make, dict
        fields = self._read_dict(depth)
        self.make = make
        parcel = Parcel(kind, fields)
        return parcel if self.unpack is None else self.unpack(parcel)

    def _read_text(self) -> str:
        if self.data[self.at] != _TEXT:
            raise Malformed("a text is missing")
        self.at += 1
        return self._take().decode()

    def _read_set(self, depth: int) -> set[Any]:
        found: set[Any] = set()
        count, last = self._count(depth, 1), b""
        for _ in range(count):
            start = self.at
            value = self.read(depth + 1)
            member = self.data[start : self.at]
            if member <= last or isinstance(value, list | dict | set | Exception | Parcel):
                raise Malformed("a set is not in its one form")
            last = member
            found.add(value)
        if len(found) != count:
            raise Malformed("a set has the same member twice")
        return found

    def _read_big(self) -> int:
        raw = self._take()
        value = int.from_bytes(raw, "little", signed=True)
        shortest = value.bit_length() // 8 + 1
        if len(raw) > LONGEST_INTEGER or len(raw) != shortest or _LEAST <= value <= _MOST:
            raise Malformed("a long whole number is not in its one form")
        return value

    def _read_dict(self, depth: int) -> Any:
        found: dict[str, Any] = {}
        count = self._count(depth, 5)
        for _ in range(count):
            key = self._take().decode()
            found[key] = self.read(depth + 1)
        if len(found) != count:
            raise Malformed("a dict has the same key twice")
        return found if self.make is dict else self.make(found)

    def _take(self) -> bytes:
        start = self.at + 4
        end = start + _U32.unpack_from(self.data, self.at)[0]
        if end > len(self.data):
            raise Malformed("a length leads beyond the end")
        self.at = end
        return self.data[start:end]

    def _count(self, depth: int, least: int) -> int:
        """How many items follow, before anything is made of them: each takes at least `least` bytes."""
        count: int = _U32.unpack_from(self.data, self.at)[0]
        self.at += 4
        self.items += count
        if depth >= DEPTH:
            raise Malformed(f"a value is nested deeper than {DEPTH} levels")
        if count * least > len(self.data) - self.at:
            raise Malformed("a count leads beyond the end")
        if self.items > ITEMS:
            raise Malformed(f"a message holds more than {ITEMS} items")
        return count

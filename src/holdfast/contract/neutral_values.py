"""The one form of each kind of text value, and whether a text is in it: what makes two engines' values comparable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time

from holdfast.contract.neutral import NeutralType

_NUMERIC = re.compile(r"-?(?:0|[1-9]\d*)(?:\.(\d+))?")
_SPECIAL_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = r"(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?"
_ZONE = r"(Z|[+-]\d\d(?::?\d\d)?)?"
_CLOCK = re.compile(_TIME)
_CLOCK_ZONE = re.compile(_TIME + _ZONE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]" + _TIME + r" ?" + _ZONE + r")?")
_SHORT_ZONE = re.compile(r"([+-]\d\d)( BC)?$")


def long_zone(text: str) -> str:
    """PostgreSQL writes +00 where everyone else reads +00:00."""
    return _SHORT_ZONE.sub(r"\1:00\2", text)


def canonical(of: NeutralType, text: str) -> str | None:
    """`text` in the one form of its kind; None when it is no value of this kind that the form can hold."""
    check = _CHECKS.get(of.kind)
    if check is None or (of.kind in _FAR and _FAR[of.kind].fullmatch(text)):
        return text
    return check(of, text)


def _numeric(of: NeutralType, text: str) -> str | None:
    if text in _SPECIAL_NUMBERS:
        return text if of.size is None else ("NaN" if text == "NaN" else None)
    match = _NUMERIC.fullmatch(text)
    if match is None or text == "-0":
        return None
    if of.size is None:
        return text
    digits, scale = text.lstrip("-").replace(".", "").lstrip("0"), of.scale or 0
    return text if len(match[1] or "") == max(scale, 0) and len(digits) <= of.size else None


def _date(_: NeutralType, text: str) -> str | None:
    return text if _DATE.fullmatch(text) and _reads(date.fromisoformat, text) else None


def _time(_: NeutralType, text: str) -> str | None:
    match = _CLOCK.fullmatch(text)
    return _clock(match) if match else None


def _timetz(_: NeutralType, text: str) -> str | None:
    match = _CLOCK_ZONE.fullmatch(text)
    if match is None or match[4] is None or (clock := _clock(match)) is None:
        return None
    return clock + _zone(match[4])


def _timestamp(_: NeutralType, text: str) -> str | None:
    match = _MOMENT.fullmatch(text)
    if match is None or match[5] is not None or not _reads(date.fromisoformat, match[1]):
        return None
    clock = _clock(match, 1) if match[2] else "00:00:00"
    return None if clock is None else f"{match[1]} {clock}"


def _timestamptz(_: NeutralType, text: str) -> str | None:
    """Without a zone it is UTC: what SQLite's CURRENT_TIMESTAMP writes."""
    match = _MOMENT.fullmatch(text)
    clock = _clock(match, 1) if match and match[2] else "00:00:00"
    if match is None or clock is None:
        return None
    zone = _zone(match[5]) if match[5] else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{match[1]} {clock}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    seconds = moment.strftime("%H:%M:%S") + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "")
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d} {seconds}+00:00"


def _json(_: NeutralType, text: str) -> str | None:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return text


def _clock(match: re.Match[str], skip: int = 0) -> str | None:
    minutes, seconds, fraction = match[1 + skip], match[2 + skip] or "00", (match[3 + skip] or "").rstrip("0")
    text = f"{minutes}:{seconds}" + (f".{fraction}" if fraction else "")
    return text if _reads(time.fromisoformat, f"{minutes}:{seconds}") else None


def _zone(text: str) -> str:
    if text == "Z":
        return "+00:00"
    digits = text[1:].replace(":", "").ljust(4, "0")
    return f"{text[0]}{digits[:2]}:{digits[2:]}"


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _refuse(word: str) -> None:
    raise ValueError(word)


# What PostgreSQL has beyond ISO 8601, in the form it writes: nobody else computes with it, all can keep it.
_FAR = {
    "date": re.compile(r"\d{5,}-\d\d-\d\d|\d{4,}-\d\d-\d\d BC|-?infinity"),
    "time": re.compile("24:00:00"),
    "timetz": re.compile(r"24:00:00[+-]\d\d:\d\d(?::\d\d)?"),
    "timestamp": re.compile(r"(?:\d{5,}-\d\d-\d\d [\d:.]+|\d{4,}-\d\d-\d\d [\d:.]+ BC|-?infinity)"),
    "timestamptz": re.compile(r"(?:\d{5,}-\d\d-\d\d [\d:.]+\+00:00|\d{4,}-\d\d-\d\d [\d:.]+\+00:00 BC|-?infinity)"),
}
_CHECKS: dict[str, Callable[[NeutralType, str], str | None]] = {
    "numeric": _numeric,
    "uuid": lambda _, text: text if _UUID.fullmatch(text) else None,
    "date": _date,
    "time": _time,
    "timetz": _timetz,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "json": _json,
    "text": lambda of, text: None if "\0" in text or (of.size is not None and len(text) > of.size) else text,
}

"""What `format` says of texts and numbers. A format that is not here is refused at the deploy, never ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

# Every expression here is written so that no two of its parts can take the same characters: their cost is linear.
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ]([^Tt ]+)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"P(?!$)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URI = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


def _date(text: str) -> bool:
    try:
        return len(text) == 10 and text[4] == text[7] == "-" and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _time(text: str) -> bool:
    """RFC 3339, 5.6; a leap second only where the day ends in UTC is not looked into."""
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    offset = match[5]
    fine = len(offset) == 1 or (int(offset[1:3]) < 24 and int(offset[4:]) < 60)
    return fine and int(match[1]) < 24 and int(match[2]) < 60 and int(match[3]) <= 60


def _date_time(text: str) -> bool:
    match = _DATE_TIME.fullmatch(text)
    return match is not None and _date(match[1]) and _time(match[2])


def _hostname(text: str) -> bool:
    return 0 < len(text) <= 253 and all(_LABEL.fullmatch(each) for each in text.split("."))


def _email(text: str) -> bool:
    local, _, host = text.rpartition("@")
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    return _LOCAL.fullmatch(local) is not None and not dots and _hostname(host)


def _uri(text: str) -> bool:
    return _SCHEME.match(text) is not None and _URI.fullmatch(text) is not None


def _address(kind: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        import ipaddress

        try:
            made = ipaddress.IPv4Address(text) if kind == "ipv4" else ipaddress.IPv6Address(text)
        except ValueError:
            return False
        return "%" not in str(made)

    return check


def _within(bits: int) -> Callable[[Any], bool]:
    return lambda value: -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


TEXTS: dict[str, tuple[Callable[[str], bool], str]] = {
    "date-time": (_date_time, "a date and time such as 2026-01-31T12:00:00Z"),
    "date": (_date, "a date such as 2026-01-31"),
    "time": (_time, "a time such as 12:00:00Z"),
    "duration": (lambda text: _DURATION.fullmatch(text) is not None, "a duration such as P1DT12H"),
    "email": (_email, "an e-mail address"),
    "hostname": (_hostname, "a host name"),
    "ipv4": (_address("ipv4"), "an IPv4 address"),
    "ipv6": (_address("ipv6"), "an IPv6 address"),
    "uri": (_uri, "a URI with its scheme"),
    "uuid": (lambda text: _UUID.fullmatch(text) is not None, "a UUID"),
}
NUMBERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "int32": (_within(32), "a whole number of 32 bits"),
    "int64": (_within(64), "a whole number of 64 bits"),
}
# They tell people and programs what a value is for, and rule nothing out.
TOLD = frozenset({"float", "double", "password", "binary", "byte", "path", "color"})

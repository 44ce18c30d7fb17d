"""A digest as headings and lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.features.alerts.mail import Section, moment
from holdfast.kernel.sizes import size_text


def sections(payload: Mapping[str, Any], zone: ZoneInfo) -> list[Section]:
    """The quiet case is three lines."""
    found: list[Section] = [(str(payload["severity"]), _headline(payload), _figures(payload, zone))]
    if failures := payload["failures"]:
        rows = [
            (f"{each['title']}: {each['name']}", _with(moment(each["at"], zone), each["error"])) for each in failures
        ]
        found.append(("warning", "Failures", rows))
    if standing := payload["open"]:
        rows = [(f"{each['title']}: {each['name']}", _standing(each, zone)) for each in standing]
        found.append(("warning", "Open alerts", rows))
    if bare := payload["unprotected"]:
        rows = [
            (each["name"], f"last snapshot {moment(each['newest'], zone)}" if each["newest"] else "no snapshot at all")
            for each in bare
        ]
        more = payload["unprotected_count"] - len(bare)
        found.append(("warning", "Unprotected: no good snapshot in two days", rows + _more(more)))
    if backups := payload["backups"]:
        found.append(("info", "Backups", [(each["name"], _backup(each)) for each in backups]))
    if counts := payload["counts"]:
        found.append(("info", "Everything that happened", [(each["title"], str(each["count"])) for each in counts]))
    return found


def _headline(payload: Mapping[str, Any]) -> str:
    return str(payload["subject"]).removeprefix("[Holdfast] ")


def _figures(payload: Mapping[str, Any], zone: ZoneInfo) -> list[tuple[str, str]]:
    stored, before = payload["stored_bytes"], payload["stored_bytes_before"]
    figures = [
        ("From", moment(payload["since"], zone)),
        ("To", moment(payload["until"], zone)),
        ("Databases", str(payload["databases"])),
        ("Stored", f"{size_text(stored)} (the period before: {size_text(before)})"),
    ]
    if oldest := payload["oldest_verification"]:
        when = moment(oldest["at"], zone) if oldest["at"] else "never"
        figures.append(("Oldest proof", f"{oldest['name']}, {when}"))
    return figures


def _backup(each: Mapping[str, Any]) -> str:
    return (
        f"{each['proven']} stored and proven, {size_text(each['source_bytes'])}, {size_text(each['stored_bytes'])} new"
    )


def _standing(each: Mapping[str, Any], zone: ZoneInfo) -> str:
    times = f", {each['count']} times" if each["count"] > 1 else ""
    return f"{each['severity']}, {each['state']}, since {moment(each['since'], zone)}{times}"


def _with(when: str, error: str) -> str:
    return f"{when}: {error}" if error else when


def _more(count: int) -> list[tuple[str, str]]:
    return [("and", f"{count} more")] if count > 0 else []

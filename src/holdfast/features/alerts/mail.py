"""A message as mail: plain text, and simple HTML for a phone's width. Every name in it is hostile until escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.features.alerts.text import line, lines
from holdfast.kernel.clock import parse_timestamp
from holdfast.kernel.sizes import size_text

_COLOURS = {"critical": "#b00020", "warning": "#b26a00", "info": "#2b6cb0"}
_SAID = {"opened": "", "worse": "It got worse.", "again": "It goes on.", "resolved": "It is over.", "happened": ""}
Section = tuple[str, str, Sequence[tuple[str, str]]]  # severity or "", heading, facts


def message(payload: Mapping[str, Any], config: Mapping[str, Any], tz: str, created: datetime) -> EmailMessage:
    """The same bytes for the same payload: `Message-ID` is the delivery's, the date is when it was made."""
    sections = [_safe(section) for section in _sections(payload, ZoneInfo(tz))]
    mail = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    mail["From"] = _address(config["from"], str(config.get("from_name") or "Holdfast"))
    mail["To"] = ", ".join(config["to"])
    mail["Subject"] = _header(payload["subject"], 150)
    mail["Date"] = format_datetime(created)
    mail["Message-ID"] = f"<{payload['id']}@holdfast.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Holdfast-Delivery"] = str(payload["id"])
    if payload["severity"] == "critical":
        mail["Importance"] = "high"
    mail.set_content(_text(payload, sections), cte="quoted-printable")
    mail.add_alternative(_html(payload, sections), subtype="html", cte="quoted-printable")
    # Otherwise a repeated attempt would not be the same bytes.
    mail.set_boundary(f"=_{payload['id']}")
    return mail


def _address(address: str, shown: str) -> Address:
    return Address(display_name=_header(shown, 63), addr_spec=address)


def _header(text: object, most: int) -> str:
    """What looks like an encoded word (RFC 2047) is taken apart: the email package would decode it into the header,
    and a line end in it would begin a header of its own."""
    return line(text, most).replace("=?", "= ?")


def _sections(payload: Mapping[str, Any], zone: ZoneInfo) -> list[Section]:
    if payload["type"] == "test":
        facts = [("Channel", line(payload["channel"])), ("Asked by", line(payload["asked_by"]))]
        return [("info", "This is a test. Alerts of Holdfast arrive here.", facts)]
    if payload["type"] == "digest":
        from holdfast.features.alerts.digest_text import sections

        return sections(payload, zone)
    found = [_alert(part, zone) for part in payload["alerts"]]
    if payload["more"]:
        counts = [(f"{each['title']} ({each['phase']})", str(each["count"])) for each in payload["summary"]]
        found.append(("", f"and {payload['more']} more. In all:", counts))
    return found


def _safe(section: Section) -> Section:
    """Whoever made it: nothing unseen, nothing empty."""
    severity, heading, facts = section
    return severity, line(heading, 300), [(line(name, 100), shown) for name, value in facts if (shown := lines(value))]


def _alert(part: Mapping[str, Any], zone: ZoneInfo) -> Section:
    facts = [
        ("Where", " / ".join(filter(None, (part["project"], part["environment"], part["name"])))),
        ("State", _SAID[part["phase"]]),
        ("Error", part["error"] or ""),
        ("Do", part["hint"] or ""),
        ("When", moment(part["at"], zone)),
        ("Since", moment(part["since"], zone) if part["count"] > 1 or part["phase"] == "resolved" else ""),
        ("Times", str(part["count"]) if part["count"] > 1 else ""),
        *_facts(part["facts"]),
        ("Look", f"holdfast run show {part['run_id']}" if part["run_id"] else ""),
        ("Alert", part["alert_id"] or ""),
    ]
    severity = "" if part["phase"] == "resolved" else part["severity"]
    return severity, f"{part['title']}: {part['name']}", facts


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = []
    for name, value in facts.items():
        if value is None or isinstance(value, dict | list):
            continue
        text = size_text(value) if name.endswith("bytes") and isinstance(value, int) else str(value)
        shown.append((line(name.replace("_", " ").capitalize(), 40), line(text, 300)))
    return shown


def moment(text: str | None, zone: ZoneInfo) -> str:
    return "" if not text else parse_timestamp(text).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _text(payload: Mapping[str, Any], sections: Sequence[Section]) -> str:
    parts = []
    for severity, heading, facts in sections:
        sign = f"{severity.upper()}  " if severity in ("critical", "warning") else ""
        width = max((len(name) for name, _ in facts), default=0)
        rows = [f"  {name + ':':<{width + 2}}{value}" for name, value in facts]
        parts.append("\n".join([f"{sign}{heading}", *rows]))
    return "\n\n".join(parts) + f"\n\n-- \nHoldfast, message {payload['id']}\n"


def _html(payload: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """No picture, no script, no link: nothing is loaded by reading it, and nothing in it leads anywhere."""
    body = "".join(_html_section(*section) for section in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(line(payload['subject'], 150))}</title></head>"
        '<body style="margin:0;padding:12px;font:16px/1.4 sans-serif;color:#222">'
        f'<div style="max-width:600px">{body}'
        f'<p style="color:#777;font-size:12px">Holdfast, message {escape(str(payload["id"]))}</p></div></body></html>\n'
    )


def _html_section(severity: str, heading: str, facts: Sequence[tuple[str, str]]) -> str:
    colour = _COLOURS.get(severity, "#2f7d32" if not severity else "#222")
    rows = "\n".join(
        f'<p style="margin:2px 0"><b>{escape(name)}</b> '
        f'<span style="overflow-wrap:anywhere;white-space:pre-line">{escape(value)}</span></p>'
        for name, value in facts
    )
    return (
        f'<div style="border-left:4px solid {colour};padding:4px 0 4px 10px;margin:0 0 16px">\n'
        f'<h2 style="font-size:17px;margin:0 0 4px;overflow-wrap:anywhere">{escape(heading)}</h2>\n{rows}</div>\n'
    )

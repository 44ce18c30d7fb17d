"""Tables, records and values on a terminal. Nothing that matters is cut; nothing in the data can steer the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from holdfast.kernel import sizes

if TYPE_CHECKING:
    from rich.text import Text

size_text = sizes.size_text


def say(text: str = "") -> None:
    """A line for people on stdout."""
    print(text)  # noqa: T201 - the CLI speaks here


def note(text: str) -> None:
    """A line that is not the answer itself, on stderr, so that a pipe carries only the answer."""
    print(text, file=sys.stderr)  # noqa: T201


def say_json(value: Any) -> None:
    say(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def visible(text: str) -> str:
    """`text` with control characters made visible: a stored value must not move the cursor or set the title."""
    return "".join(
        char
        if char in "\n\t" or char.isprintable()
        else f"\\x{ord(char):02x}"
        if ord(char) < 256
        else f"\\u{ord(char):04x}"
        for char in text
    )


class Coloured(str):
    """Words with a colour each: on a terminal as they say, anywhere else plain text. A colour nobody knows is none."""

    parts: Sequence[tuple[str, str | None]] = ()

    @classmethod
    def joined(cls, parts: Sequence[tuple[str, str | None]]) -> Coloured:
        """The words, made visible, with commas between them."""
        shown = [(visible(word), colour) for word, colour in parts]
        made = cls(", ".join(word for word, _ in shown))
        made.parts = shown
        return made


def value_text(value: Any) -> str:
    """One cell as people read it; NULL is told apart from an empty string."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return visible(json.dumps(value, ensure_ascii=False))
    return visible(str(value))


def counted(number: int | None, what: str) -> str:
    """1 row, 1,234 rows, - rows."""
    return f"{'-' if number is None else format(number, ',')} {what}{'' if number == 1 else 's'}"


def seconds_text(seconds: float | None) -> str:
    """40 ms, 0.4 s, 12 s, 3:05, 1:02:05."""
    if seconds is None:
        return "-"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment_text(moment: str | None) -> str:
    """A wire timestamp in UTC to the second, with its zone said."""
    if not moment:
        return "-"
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except ValueError:
        return visible(moment)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """A table as wide as it needs on a pipe, folded (never cut) on a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(Text(visible(column)), overflow="fold", justify="right" if column in right else "left")
    live = sys.stdout.isatty()
    for row in rows:
        made.add_row(
            *(_styled(value) if live and isinstance(value, Coloured) else Text(_plain(value)) for value in row)
        )
    console = Console(width=None if live else 100_000, highlight=False, markup=False, emoji=False, file=sys.stdout)
    if live:
        console.print(made)
        return
    with console.capture() as written:
        console.print(made)
    for line in written.get().rstrip("\n").split("\n"):  # padded, every line would be as long as the longest
        say(line.rstrip())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else value_text(value)


def _styled(value: Coloured) -> Text:
    from rich.color import Color, ColorParseError
    from rich.style import Style
    from rich.text import Text

    made = Text()
    for number, (word, colour) in enumerate(value.parts):
        made.append(", " if number else "")
        try:
            made.append(word, Style(color=Color.parse(colour)) if colour else None)
        except ColorParseError:
            made.append(word)
    return made


def record(pairs: Mapping[str, Any]) -> None:
    """Names and values under each other."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        text = value if isinstance(value, str) else value_text(value)
        say(f"{name + ':':<{width + 1}} {visible(text)}")

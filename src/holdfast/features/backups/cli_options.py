"""Words for a snapshot's options on the command line."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import typer

from holdfast.features.backups.cli_repo_files import files_of

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?(?:/s|ps)?", re.IGNORECASE)
_LEVELS = ("off", "fast", "default", "max")


def rate(text: Any) -> int:
    """20MB/s, 500k, 1.5GiB/s or plain bytes per second. Raises BadParameter."""
    found = _RATE.fullmatch(str(text).strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no rate: 20MB/s, 500k, 1.5GiB/s")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def amount(text: Any) -> int:
    """10GB, 500k, 1.5GiB or plain bytes. Raises BadParameter."""
    found = _RATE.fullmatch(str(text).strip())
    if found is None or "/" in str(text) or str(text).lower().endswith("ps"):
        raise typer.BadParameter(f"{text!r} is no size: 10GB, 500k, 1.5GiB")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def compression(text: Any) -> str:
    """Raises BadParameter, which the command line turns into wrong usage."""
    word = str(text).lower()
    if word in _LEVELS:
        return word
    hint = f"; to prove it further, say --verify {text}" if re.fullmatch("l?[1-3]", word) else ""
    raise typer.BadParameter(f"{text!r} is none of {', '.join(_LEVELS)}{hint}")


Compression = Annotated[
    str | None,
    typer.Option("--level", parser=compression, metavar="LEVEL", help="How hard to compress: off, fast, default, max."),
]
Bandwidth = Annotated[
    int | None,
    typer.Option("--bandwidth", parser=rate, metavar="RATE", help="At most this much to the repository: 20MB/s, 500k."),
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Threads that compress and seal.")]
Nice = Annotated[int | None, typer.Option("--nice", min=0, max=19, help="How much to yield to other work.")]


FileCompression = Annotated[
    Literal["gzip", "zstd", "bzip2", "none"] | None,
    typer.Option("--compression", help="Into plain files: another than the repository's."),
]
FileLevel = Annotated[
    str | None, typer.Option("--file-level", metavar="LEVEL", help="Into plain files: 1-9 (zstd 1-19), fast or small.")
]
Encryption = Annotated[
    Literal["none", "age", "gpg", "aes256"] | None,
    typer.Option("--encryption", help="Into plain files: another than the repository's; none is audited."),
]
Recipient = Annotated[
    list[str] | None,
    typer.Option(
        "--recipient",
        metavar="AGE1...",
        help="Into plain files, age: who can open it too; a key or a file; repeatable.",
    ),
]


FileKey = Annotated[
    str | None,
    typer.Option("--file-key", metavar="NAME", help="Into plain files: the key to seal with; own = the repository's."),
]


def file_words(
    compression: str | None,
    file_level: str | None,
    encryption: str | None,
    recipient: list[str] | None,
    key: str | None = None,
) -> dict[str, Any]:
    """The options' words for plain files; None for what was not said. Raises Usage."""
    said = files_of({"level": file_level}, recipient)
    files = {"file_level": said.get("level"), "recipients": said.get("recipients")}
    return {"compression": compression, "encryption": encryption, "key": key, **files}


def days(text: Any) -> int:
    """30d or 30. Raises BadParameter."""
    found = re.fullmatch(r"([1-9]\d{0,3})d?", str(text).strip())
    if found is None or int(found[1]) > 3650:
        raise typer.BadParameter(f"{text!r} is no number of days: 30d")
    return int(found[1])


VerifyWithin = Annotated[
    int | None,
    typer.Option(
        "--verify-within", parser=days, metavar="DAYS", help="How long a proof counts before it is stale: 30d."
    ),
]


def chosen(
    level: str | None, bandwidth: int | None, workers: int | None, nice: int | None, **more: Any
) -> dict[str, Any]:
    """The body's `options`, without what was not said."""
    said = {"level": level, "bandwidth": bandwidth, "workers": workers, "nice": nice, **more}
    return {name: value for name, value in said.items() if value is not None}


def told(options: dict[str, Any] | None) -> str:
    """A line about what a snapshot was taken with."""
    if not options:
        return "-"
    parts = [f"level {options.get('level') or 'default'}"]
    if options.get("compression"):
        level = options.get("file_level") or options.get("compression_level") or ""
        parts = [f"{options['compression']} {level}".strip()]
    if options.get("encryption"):
        also = f" to {len(options['recipients'])}" if options.get("recipients") else ""
        parts.append("not encrypted" if options["encryption"] == "none" else f"{options['encryption']}{also}")
    if key := options.get("key"):
        parts.append(f"key {key['name']}" if isinstance(key, dict) else f"key {key}")
    if options.get("bandwidth"):
        from holdfast.terminal import output

        parts.append(f"at most {output.size_text(options['bandwidth'])}/s")
    parts += [f"{name} {options[name]}" for name in ("workers", "nice") if options.get(name)]
    if options.get("verify_within"):
        parts.append(f"a proof counts {options['verify_within']} days")
    return ", ".join(parts)

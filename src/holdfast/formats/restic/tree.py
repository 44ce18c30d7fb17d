"""Trees: directories as JSON blobs whose bytes must be exactly what restic would write, for the ids to be stable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.kernel.errors import Corrupt

FILE_MODE = 0o600
DIRECTORY_MODE = 0x80000000 | 0o700  # Go's os.ModeDir bit
_SHORT = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}
_HEX = frozenset("0123456789abcdefABCDEF")
_LONG = {value: key for key, value in _SHORT.items()}


@dataclass(frozen=True)
class Node:
    """One name in a directory. `content` holds the concatenated 32-byte ids of a file's blobs, in order."""

    name: str
    type: Literal["file", "dir"]
    size: int = 0
    content: bytes = b""
    subtree: bytes | None = None
    mtime: str = "1970-01-01T00:00:00Z"
    extra: Mapping[str, Any] = field(default_factory=dict)


def quote_name(name: str) -> str:
    """The body of Go's strconv.Quote: what restic stores as a node's name. Lone surrogates stand for raw bytes."""
    out = []
    for char in name:
        code = ord(char)
        if char in _SHORT:
            out.append("\\" + _SHORT[char])
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable():
            out.append(char)
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
    return "".join(out)


def unquote_name(quoted: str) -> str:
    """Inverse of `quote_name`. Raises Corrupt."""
    out, at = bytearray(), 0
    while at < len(quoted):
        char = quoted[at]
        if char != "\\":
            out += char.encode("utf-8", "surrogateescape")
            at += 1
            continue
        mark = quoted[at + 1 : at + 2]
        digits = {"x": 2, "u": 4, "U": 8}.get(mark)
        try:
            if digits:
                text = quoted[at + 2 : at + 2 + digits]
                if len(text) != digits or not set(text) <= _HEX:  # int() would take "+1" and "1_2"
                    raise ValueError(text)
                code = int(text, 16)
                out += bytes([code]) if mark == "x" else chr(code).encode()
                at += 2 + digits
            else:
                out += _LONG[mark].encode()
                at += 2
        except (KeyError, ValueError, OverflowError):
            raise Corrupt(f"a name in a tree cannot be read: {quoted!r}") from None
    return out.decode("utf-8", "surrogateescape")


def build(nodes: Sequence[Node]) -> bytes:
    """The blob of a directory: nodes sorted by raw name, one line, newline at the end."""
    ordered = sorted(nodes, key=lambda node: node.name.encode("utf-8", "surrogateescape"))
    text = json.dumps({"nodes": [_node_dict(n) for n in ordered]}, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":  # Go's encoder escapes these
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _node_dict(node: Node) -> dict[str, Any]:
    document: dict[str, Any] = {"name": quote_name(node.name), "type": node.type}
    document["mode"] = FILE_MODE if node.type == "file" else DIRECTORY_MODE
    document |= {"mtime": node.mtime, "atime": node.mtime, "ctime": node.mtime, "uid": 0, "gid": 0}
    if node.type == "file":
        document |= {"size": node.size, "links": 1}
        document["content"] = [node.content[at : at + 32].hex() for at in range(0, len(node.content), 32)]
    else:
        document |= {"content": None, "subtree": (node.subtree or b"").hex()}
    return document


def parse(blob: bytes) -> list[Node]:
    """The nodes of a directory; kinds other than file and dir are left out (restic may store links and devices)."""
    try:
        nodes = json.loads(blob)["nodes"] or []
        return [_node(document) for document in nodes if document["type"] in ("file", "dir")]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise Corrupt(f"a tree cannot be read: {error}") from None


def _node(document: Mapping[str, Any]) -> Node:
    subtree = document.get("subtree")
    content = b"".join(map(bytes.fromhex, document.get("content") or ()))
    if len(content) % 32 or (document["type"] == "dir" and not subtree):
        raise ValueError(f"node {document['name']!r} has a broken list of blobs")
    return Node(
        name=unquote_name(document["name"]),
        type=document["type"],
        size=int(document.get("size", 0)),
        content=content,
        subtree=bytes.fromhex(subtree) if subtree else None,
        mtime=str(document.get("mtime", "")),
    )

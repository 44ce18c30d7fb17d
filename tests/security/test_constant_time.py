"""Secrets are compared by `crypto.equal`: nothing in the code that holds credentials uses `==`, `!=` or `in` on one."""

from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.kernel import crypto

SRC = Path(__file__).parents[2] / "src" / "holdfast"
PARTS = ("features/access", "features/audit", "features/secrets", "features/limits", "kernel", "web")
SECRET = re.compile(
    r"(^|_)(password|passwd|secret|token|mac|hmac|digest|code|hash|hashed|signature|challenge|nonce|verifier|otp|totp"
    r"|recovery|cookie)s?$"
)
# A row is looked up by the hash of 256 random bits: whoever measures the look-up chooses no prefix of the hash.
LOOKED_UP = re.compile(r"^[\w.]*\b(c|table)(\.c)?\.\w*_hash == (\w+|(crypto\.token)?_hash\([\w.]+\))$")
# The word an error is known by (`invalid`, `state_invalid`), or an HTTP status.
WORDS = re.compile(r"^(error|failure|refused|answer)\.(code|status_code) (==|!=|in|not in) ")
ALLOWED = {
    "f'{COOKIE}=' in cookie": "whether there is one, by its name",
    "row['digest'] == _digest_of(row)": "the payload's digest is in every export; the mac over it is compared by equal",
    "code not in (1005, 1006)": "a close code of a web socket (RFC 6455, 7.4)",
    "users.c.password_hash == user.password_hash": "a guarded statement: nobody changed the password meanwhile",
    "secret in value": "the log's redaction: it must find secrets inside text, and answers nobody",
    "row.request_hash != self.request_hash": "what a request was, to notice another under the same Idempotency-Key",
}


def compared(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comparison with something that is named like a secret."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(
            isinstance(each, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for each in node.ops
        ):
            sides = [node.left, *node.comparators]
            if any(SECRET.search(name(side)) for side in sides) and not all(harmless(side) for side in sides[1:]):
                yield node.lineno, ast.unparse(node)


def name(node: ast.expr) -> str:
    """`row.token_hash`, `row["token_hash"]`, `token_hash` and `token_hash(x)` are all called that."""
    match node:
        case ast.Name(id=found) | ast.Attribute(attr=found):
            return found
        case ast.Subscript(slice=ast.Constant(value=str(found))):
            return found
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return name(inner)
    return ""


def harmless(node: ast.expr) -> bool:
    """`is it there at all` and `is it empty` say nothing of what it is."""
    return isinstance(node, ast.Constant) and node.value in (None, "", b"")


def files() -> list[Path]:
    return sorted(path for part in PARTS for path in (SRC / part).rglob("*.py"))


def test_no_secret_is_compared_with_an_operator() -> None:
    found = {
        f"{path.relative_to(SRC)}:{line}: {text}"
        for path in files()
        for line, text in compared(path.read_text())
        if text not in ALLOWED and not LOOKED_UP.match(text) and not WORDS.match(text)
    }
    assert found == set(), "use crypto.equal, or say in ALLOWED why not"


def test_what_is_allowed_is_there() -> None:
    """An allowance for what was removed would one day allow something else."""
    texts = {text for path in files() for _, text in compared(path.read_text())}
    assert set(ALLOWED) - texts == set()


@pytest.mark.parametrize(
    "bad",
    [
        "if token == given: pass",
        "ok = row.secret_hash != crypto.token_hash(secret)",
        "if code in codes: pass",
        "if self.mac == mac: pass",
        "if row['password'] == x: pass",
        "x = [c for c in rows if c.recovery_code == y]",
        "assert claims['nonce'] == nonce",
    ],
)
def test_it_would_be_seen(bad) -> None:
    assert list(compared(bad))


def test_equal_is_the_librarys(monkeypatch) -> None:
    """`hmac.compare_digest` takes as long for a difference at the start as at the end."""
    asked: list[tuple[bytes, bytes]] = []

    def compare(left: bytes, right: bytes) -> bool:
        asked.append((left, right))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert crypto.equal("a", b"b") is False
    assert asked == [(b"a", b"b")]


def test_credentials_go_through_it() -> None:
    """API keys by `crypto.equal`; passwords by Argon2's own verification, which is the library's."""
    assert "crypto.equal(" in (SRC / "features/access/keys.py").read_text()
    assert "_hasher.verify(" in (SRC / "kernel/crypto.py").read_text()

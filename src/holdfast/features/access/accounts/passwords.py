"""Which passwords are taken: long, not among those everyone tries, not made of what is known about the account.

ASVS 5.0 section 6.2 and NIST SP 800-63B-4 section 3.1.1.2: 12 to 1024 characters, every character allowed, nothing
demanded of their kinds, no expiry, a list of common passwords refused. A password is hashed exactly as it was sent: no
truncation, no change of case and no normalisation (ASVS 6.2.8); only the comparisons here look at a simplified form.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise

from holdfast.kernel.errors import Invalid

MIN, MAX = 12, 1024
SERVICE = "holdfast"
_FEWEST_UNITS = 6  # "qwertyuiop12" has three: one run and two characters
_SHORTEST_RUN = 3
_SHORTEST_CORE = 4
_SHORTEST_WORD = 3  # of an address or a name
_LEET_EDGE = 4
_LONGEST_REPEATED = 128
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "!@#$%^&*()_+",
    "qwertzuiop",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn,;:!",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
)
_NEXT = {pair for row in _ROWS for pair in pairwise(row)}
_LEET = [
    str.maketrans("0134578@$!+|", f"o{one}eastb{at}s{bang}tl")
    for one, at, bang in (("i", "a", "i"), ("l", "a", "l"), ("l", "a", "i"))
]
_PARTS = re.compile(r"[^\W_]+")


def check(password: str, *, email: str = "", name: str = "") -> None:
    """Raises `Invalid("password_invalid")` for a wrong length and `Invalid("password_weak")` for a guessable one.

    `email` and `name` are the account's: a password made of them is the first one tried against it.
    """
    if not MIN <= len(password) <= MAX:
        raise _refused("password_invalid", f"{MIN} to {MAX} characters", f"a password has {MIN} to {MAX} characters")
    if not _encodable(password):
        raise _refused("password_invalid", "is no valid Unicode", "this password cannot be written as Unicode text")
    if why := weakness(password, context_of(email, name)):
        raise _refused("password_weak", why, f"this password {why}")


def weakness(password: str, context: Collection[str] = ()) -> str | None:
    """Why someone would guess it soon, as the end of "this password ..."; None when nothing here says so."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    if _units(_period(plain)) < _FEWEST_UNITS:
        return "only repeats itself or follows the keyboard"
    for core in _cores(plain):
        if core in common():
            return "is one of those everyone tries, or one of them with a little added"
        if context and _made_of(core, context):
            return "is made of the account's or this program's name"
    return None


def context_of(email: str, name: str = "") -> frozenset[str]:
    """Words that a guess at this account starts with: of its address and name, and what this program is called."""
    local, _, domain = email.casefold().partition("@")
    whole = {"".join(_PARTS.findall(local)), "".join(_PARTS.findall(name.casefold()))}
    parts = {part for text in (local, name.casefold(), domain.rpartition(".")[0]) for part in _PARTS.findall(text)}
    return frozenset({word for word in whole | parts if len(word) >= _SHORTEST_WORD} | {SERVICE})


@cache
def common() -> frozenset[str]:
    """The built-in list, lower case; see common_passwords.md."""
    return frozenset(files(__package__).joinpath("common_passwords.txt").read_text("utf-8").splitlines())


def _refused(code: str, field: str, message: str) -> Invalid:
    details = {"fields": [{"field": "password", "message": field}]}
    return Invalid(message, code=code, hint="Three or four unrelated words make a good one.", details=details)


def _encodable(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _period(text: str) -> str:
    """The piece that the whole consists of, when it is that piece twice or more (the last time perhaps cut short)."""
    borders = [0] * len(text)
    for at in range(1, len(text)):
        length = borders[at - 1]
        while length and text[at] != text[length]:
            length = borders[length - 1]
        borders[at] = length + (text[at] == text[length])
    period = len(text) - borders[-1] if text else 0
    return text[:period] if 2 * period <= len(text) else text


def _units(text: str) -> int:
    """How many things there are to remember: a run along the alphabet or a keyboard's row is one."""
    count = at = 0
    while at < len(text):
        length = max(_run(text, at, forward=True), _run(text, at, forward=False))
        at += length if length >= _SHORTEST_RUN else 1
        count += 1
    return count


def _run(text: str, at: int, *, forward: bool) -> int:
    """How far each character is the same as the one before it or its neighbour in the direction."""
    end = at + 1
    while end < len(text):
        pair = (text[end - 1], text[end]) if forward else (text[end], text[end - 1])
        if pair[0] != pair[1] and pair not in _NEXT:
            break
        end += 1
    return end - at


def _cores(plain: str) -> Iterator[str]:
    """What is left without the digits and marks around it, without repetition, and with 0 read as o, $ as s, ..."""
    for text in dict.fromkeys((plain, *_cuts(plain))):
        for read in (text, *(text.translate(table) for table in _LEET)):
            for form in dict.fromkeys((read, _joined(read))):
                yield form
                if len(form) <= _LONGEST_REPEATED:
                    yield _period(form)


def _cuts(plain: str) -> Iterator[str]:
    """Without the digits and marks before and after the letters; up to four of them may be letters themselves, read
    as leet ("4br4c4d4br4!!!" begins and ends with an a)."""
    last = len(_rstrip(plain))
    first = len(plain) - len(_lstrip(plain))
    for start in range(max(0, first - _LEET_EDGE), first + 1):
        for end in range(last, min(len(plain), last + _LEET_EDGE) + 1):
            if end - start >= _SHORTEST_CORE:
                yield plain[start:end]


def _made_of(core: str, context: Collection[str]) -> bool:
    """Whether nothing but a little, or a common password, is left without the words of the context."""
    rest = core
    for word in sorted(context, key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest == core:
        return False
    rest = _strip(rest)
    return len(rest) < _SHORTEST_CORE or rest in common()


def _rstrip(text: str) -> str:
    end = len(text)
    while end and not text[end - 1].isalpha():
        end -= 1
    return text[:end]


def _lstrip(text: str) -> str:
    return _rstrip(text[::-1])[::-1]


def _strip(text: str) -> str:
    return _lstrip(_rstrip(text))


def _joined(text: str) -> str:
    """Without what stands between letters and digits: p-a-s-s-w-o-r-d."""
    return "".join(_PARTS.findall(text))

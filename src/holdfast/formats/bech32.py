"""Bech32 (BIP 173) without its limit of 90 characters, as age writes its keys."""

from __future__ import annotations

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


def encode(prefix: str, raw: bytes) -> str:
    """`prefix` + "1" + the bytes + a checksum, in lower case."""
    values = _regrouped(raw, 8, 5, pad=True)
    check = _polymod(_expanded(prefix) + values + [0] * _CHECKSUM) ^ 1
    values += [(check >> 5 * (_CHECKSUM - 1 - place)) & 31 for place in range(_CHECKSUM)]
    return prefix + "1" + "".join(_ALPHABET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """Prefix (lower case) and bytes. Raises ValueError: not Bech32, mistyped, or of mixed case."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("a key is written in one case")
    prefix, one, rest = text.lower().rpartition("1")
    if not one or not prefix or len(rest) < _CHECKSUM or set(rest) - set(_ALPHABET) or not prefix.isascii():
        raise ValueError("this is no Bech32 text")
    values = [_ALPHABET.index(character) for character in rest]
    if _polymod(_expanded(prefix) + values) != 1:
        raise ValueError("the checksum is wrong: a character was mistyped or lost")
    return prefix, bytes(_regrouped(values[:-_CHECKSUM], 5, 8, pad=False))


def _expanded(prefix: str) -> list[int]:
    return [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> place) & 1 else 0
    return check


def _regrouped(values: bytes | list[int], size: int, into: int, *, pad: bool) -> list[int]:
    """Bits in groups of `size` as groups of `into`. Raises ValueError for left-over bits that are not zero padding."""
    gathered, bits, made = 0, 0, list[int]()
    for value in values:
        gathered, bits = (gathered << size | value) & 0xFFFF, bits + size
        while bits >= into:
            bits -= into
            made.append(gathered >> bits & (1 << into) - 1)
    rest = gathered & (1 << bits) - 1
    if pad and bits:
        made.append(rest << into - bits)
    elif not pad and (bits >= size or rest):
        raise ValueError("the text ends in bits that belong to nothing")
    return made

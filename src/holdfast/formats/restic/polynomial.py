"""Irreducible polynomials over GF(2): a repository's chunker polynomial, which stock restic checks and cuts with."""

from __future__ import annotations

import secrets

DEGREE = 53


def _mod(a: int, m: int) -> int:
    size = m.bit_length()
    while (shift := a.bit_length() - size) >= 0:
        a ^= m << shift
    return a


def _mul_mod(a: int, b: int, m: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        b >>= 1
        a = _mod(a << 1, m)
    return product


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, _mod(a, b)
    return a


def is_irreducible(m: int) -> bool:
    """Ben-Or's test: no common factor with x^(2^i) - x for i up to half the degree."""
    power = 2
    for _ in range((m.bit_length() - 1) // 2):
        power = _mul_mod(power, power, m)
        if _gcd(m, power ^ 2) != 1:
            return False
    return True


def random_polynomial() -> int:
    """A random irreducible polynomial of degree 53."""
    while True:
        candidate = secrets.randbits(DEGREE) | (1 << DEGREE) | 1
        if is_irreducible(candidate):
            return candidate

"""Which passwords are refused, and that nothing else is."""

from __future__ import annotations

import re
import secrets
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.features.access import lockout
from holdfast.features.access.accounts import passwords
from holdfast.features.access.accounts.invites import INVITE_LIFE
from holdfast.features.access.accounts.recovery import RESET_LIFE
from holdfast.kernel import crypto
from holdfast.kernel.errors import Invalid

EMAIL = "alice.smith@shipyard.example.org"
LISTED = sorted(passwords.common())
WORDS = st.sampled_from([word for word in LISTED if word.isascii() and word.isalpha()])
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def code(password: str, email: str = EMAIL) -> str | None:
    refused = refusal(password, email, "Alice Liddell")
    assert refused is None or password not in str(refused.as_dict())
    return None if refused is None else refused.code


def refusal(password: str, email: str, name: str) -> Invalid | None:
    try:
        passwords.check(password, email=email, name=name)
    except Invalid as refused:
        return refused
    return None


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "twelve characters",
        "пароль никому не известный",
        "🦀🐙🦑🦐🐡🐠🐟🐬🐳🐋🦈🐊",
        "no CAPITALS no digits",
        "holdfast-keeps-seventeen-goats",
        "malice in the enjoyable palace",
        "839274650128",
        " leading and trailing ",
        "tab\tand\nnewline\x00nul",
    ],
)
def test_what_nobody_guesses_is_taken_whatever_it_is_made_of(password) -> None:
    """No composition rules (ASVS 6.2.5), every character (6.2.9)."""
    assert code(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P4ssw0rd!!!!!!",
        "passwordpassword",
        "p-a-s-s-w-o-r-d-1",
        "1234dragon5678",
        "$unshine12345",
        "ｐａｓｓｗｏｒｄ１２３４",
        "polniypizdec0211",
        "qwertyuiop12",
        "abcdefghijkl",
        "lkjhgfdsapoiuytrewq",
        "112233445566",
        "123456789012",
        "aaaaaaaaaaaa",
        "xkcdxkcdxkcdxkc",
        "            ",
        "1qaz2wsx3edc4rfv",
    ],
)
def test_what_everyone_tries_is_refused(password) -> None:
    assert code(password) == "password_weak"


@pytest.mark.parametrize(
    "password",
    ["Holdfast-2026!", "alice.smith-99", "al1c3sm1th2026", "shipyard123456", "LIDDELL*ALICE", "Holdfast admin!"],
)
def test_what_is_made_of_the_account_s_own_words_is_refused(password) -> None:
    """And only for that account (ASVS 6.2.11)."""
    assert code(password) == "password_weak"
    if "hold" not in password.lower():
        passwords.check(password, email="someone@else.org")


@pytest.mark.parametrize(("length", "taken"), [(11, False), (12, True), (1024, True), (1025, False)])
def test_the_length_is_counted_in_characters(length, taken) -> None:
    for alphabet in ("abcdefghjkmnpqrstuvwxyz", "абвгдежзийклмнопрст", "🦀🐙🦑🦐🐡🐠🐟🐬🐳🐋"):
        password = "".join(secrets.choice(alphabet) for _ in range(length))
        assert code(password) == (None if taken else "password_invalid")


def test_half_a_character_is_refused() -> None:
    assert code("half a surrogate \ud800 pair") == "password_invalid"


@given(WORDS, st.text("0123456789!?.-_ ", min_size=8, max_size=20), st.booleans(), st.booleans())
def test_a_common_password_with_digits_and_marks_around_stays_common(word, around, before, upper) -> None:
    """However short the word: it is the first thing that rules of guessing programs do."""
    word = word.upper() if upper else word
    password = around + word if before else word + around
    assert passwords.weakness(password) is not None


@given(WORDS, st.integers(2, 8))
def test_a_common_password_repeated_stays_common(word, times) -> None:
    assert passwords.weakness(word * times) is not None


@given(WORDS)
def test_a_common_password_in_leet_stays_common(word) -> None:
    leet = word.translate(str.maketrans("oaest", "04357"))
    assume(re.fullmatch(r"\d{0,4}[a-z](.*[a-z])?\d{0,4}", leet))
    assert passwords.weakness(leet + "!!!!!!!!") is not None
    assert passwords.weakness("--" + leet + "20261121") is not None
    assert passwords.weakness(leet) is not None


@given(ANY)
def test_the_verdict_is_the_same_for_what_looks_the_same(text) -> None:
    """Case and compatibility forms make no password better; no input makes it fail."""
    once = passwords.weakness(text)
    assert passwords.weakness(unicodedata.normalize("NFKC", text)) == once


@given(ANY, ANY)
def test_only_what_the_policy_names_is_raised(password, email) -> None:
    if refused := refusal(password, email, email):
        assert refused.code in ("password_invalid", "password_weak")
        assert refused.details["fields"][0]["field"] == "password"


def test_random_passwords_are_hardly_ever_refused() -> None:
    refused = sum(passwords.weakness(secrets.token_urlsafe(9)) is not None for _ in range(5000))
    assert refused <= 10, refused


def test_the_list_is_as_described() -> None:
    assert len(LISTED) > 10_000
    assert sum(len(word) >= passwords.MIN for word in LISTED) > 300
    assert all(word == word.casefold().strip() and len(word) >= 4 for word in LISTED)


def test_the_page_for_people_says_what_the_code_does() -> None:
    """Length, list, context words (ASVS 6.1.2), lock-out (6.1.1) and the links' lives."""
    page = " ".join((Path(__file__).parents[2] / "docs/how-to/people.md").read_text().split())
    minutes = int(lockout.LONGEST.total_seconds() / 60)
    for said in (
        f"{passwords.MIN} to {passwords.MAX} characters",
        f"some {len(LISTED) // 1000},000 common ones",
        f"After {lockout.FREE_ATTEMPTS} wrong passwords",
        f"up to {minutes} minutes",
        {7: "for seven days"}[INVITE_LIFE.days],
        {3600: "within an hour"}[int(RESET_LIFE.total_seconds())],
        f"`{passwords.SERVICE}`",
        "before the `@`",
        "the domain's name without its ending",
        "the person's name and its pieces",
        "each from 3 characters on",
    ):
        assert said in page, said
    assert passwords.context_of("ada.l@shop.example.org", "Bo Lovelace") == {
        *("ada", "adal", "shop", "example", "bolovelace", "lovelace", "holdfast"),
    }


def test_what_is_hashed_is_what_was_sent() -> None:
    """No truncation, no change of case, no normalisation (ASVS 6.2.8)."""
    long = "x" * 1023 + "y"
    stored = crypto.hash_password(long)
    assert crypto.verify_password(stored, long)
    assert not crypto.verify_password(stored, long[:-1])
    assert not crypto.verify_password(stored, long.upper())

"""The sign-in page as a browser shows it: what each link makes of it, and that password fields are password fields."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chromium import PROGRAM
from served import Api

import holdfast.web

PAGES = Path(str(holdfast.web.__file__)).parent / "pages"


class _Inputs(HTMLParser):
    """Every input with its attributes; `hidden` when its label is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.words: list[str] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "label":
            self._hidden = "hidden" in given
        elif tag == "input":
            self.found[str(given.get("name"))] = given | ({"hidden": ""} if self._hidden else {})

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_passwords_are_typed_hidden_and_pasted_freely() -> None:
    """ASVS 6.2.6 and 6.2.7: masked, nothing in the way of pasting and of password managers."""
    text = (PAGES / "index.html").read_text()
    field = _Inputs(text).found["password"]
    assert field["type"] == "password"
    assert field["autocomplete"] == "current-password"
    assert not [name for name in field if name.startswith("on") or name in ("readonly", "minlength", "pattern")]
    script = (PAGES / "sign-in.js").read_text().lower()
    for word in ("paste", "oncopy", "contextmenu", "preventdefault()"):
        assert script.count(word) == (1 if word == "preventdefault()" else 0), word  # the form's own submission
    assert ".type" not in script


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "shown", "words"),
    [
        ("", {"email", "password"}, "Sign in"),
        ("#token=abc", {"email", "password"}, "Become the owner"),
        ("#invite=abc", {"name", "password"}, "Make my account"),
        ("#reset=abc", {"password"}, "Set the password"),
        ("#__proto__=abc", {"email", "password"}, "Sign in"),
    ],
)
def test_each_link_asks_for_what_it_needs(api: Api, tmp_path: Path, link: str, shown: set[str], words: str) -> None:
    """And the token is nowhere in the page."""
    assert PROGRAM is not None, "Debian's chromium-headless-shell is missing: make system-parts"
    command = [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    command += ["--disable-dev-shm-usage", "--virtual-time-budget=3000", "--dump-dom", f"{api.url}/plain{link}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    page = _Inputs(done.stdout)
    assert {name for name, field in page.found.items() if "hidden" not in field} == shown, done.stderr[-2000:]
    assert words in " ".join(page.words)
    assert page.found["password"]["autocomplete"] == ("current-password" if words == "Sign in" else "new-password")
    assert "abc" not in done.stdout

"""Profiles: kept for their owner alone, never broken by an odd value."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.kernel.errors import Invalid, NotFound
from holdfast.terminal.profiles import Profile, Profiles


def test_profiles_come_back_as_they_were_and_only_we_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "profiles.toml"
    odd = 'q"uo\\te\n\u00e9\u0000\U0001f511'
    Profiles(path).add(Profile("prod", "https://h.example/", key=odd, project="p", environment="production"))
    Profiles(path).use("prod")
    again = Profiles(path)
    assert again.get("prod") == Profile("prod", "https://h.example", odd, "p", "production")
    assert again.current == "prod"
    assert path.stat().st_mode & 0o777 == 0o600
    assert odd not in repr(again.get("prod"))


def test_removing_the_profile_in_use_goes_back_to_local(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "p.toml")
    profiles.add(Profile("ci", "http://127.0.0.1:1"))
    profiles.use("ci")
    profiles.remove("ci")
    assert Profiles(tmp_path / "p.toml").current == "local"
    with pytest.raises(NotFound):
        profiles.get("ci")


@pytest.mark.parametrize("name", ["", "a b", "local", "x.y", "a" * 65, "é"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        Profiles(tmp_path / "p.toml").add(Profile(name, "http://h"))
    assert not (tmp_path / "p.toml").exists()


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('current = "local"\n')
    path.chmod(0o644)
    with pytest.raises(Invalid, match="read by others"):
        Profiles(path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("current = [")
    path.chmod(0o600)
    with pytest.raises(Invalid, match=r"p\.toml"):
        Profiles(path)

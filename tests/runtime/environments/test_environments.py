"""Packages: asked for in words that cannot reach elsewhere, locked with hashes, installed once, never changed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.errors import HoldfastError, Invalid, LimitExceeded, Permanent, Retryable
from holdfast.runtime import requirements
from holdfast.runtime.environments import Environments, lock_of
from holdfast.runtime.uv import Uv, explained, surroundings


def wheel(
    at: Path, name: str, version: str, needs: Sequence[str] = (), tag: str = "py3-none-any", size: int = 0
) -> Path:
    made = at / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {n}\n" for n in needs
    )
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(f"{name}/__init__.py", f"VERSION = {version!r}\n")
        file.writestr(f"{name}/data.bin", b"\0" * size)
        file.writestr(f"{info}/METADATA", meta)
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")
    return made


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    at = tmp_path / "wheels"
    at.mkdir()
    wheel(at, "alpha", "1.0", ["beta>=1"])
    wheel(at, "beta", "1.2")
    wheel(at, "gamma", "2.0", tag="cp39-cp39-win_amd64")
    return at


@pytest.fixture
def environments(tmp_path: Path, wheels: Path) -> Iterator[Environments]:
    yield Environments(tmp_path / "environments", Uv(user=None, wheels=(wheels,), index=False))
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=True)  # noqa: S607


def code(at: Path, text: str, name: str = "requirements.txt") -> tuple[Path, str]:
    (at / name).write_text(text)
    return at, name


def test_a_project_gets_its_packages(environments: Environments, tmp_path: Path) -> None:
    told: list[str] = []
    found = environments.ensure(*code(tmp_path, "alpha\nworkers-runtime-sdk==1.9\n"), told.append)
    script = f"import sys; sys.path.insert(0, {str(found)!r}); import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    shown = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, check=True, text=True)
    assert shown.stdout == "1.0 1.2\n"
    assert list(found.rglob("*.pyc"))  # compiled: a read-only directory never would be
    mine = 0o022  # a directory that its owner may not write, an ordinary user could not delete
    assert not [path for path in found.rglob("*") if path.stat().st_mode & (mine if path.is_dir() else 0o222)]
    assert told[0].startswith("workers-runtime-sdk is left out")
    assert told[-1] == "packages are ready"
    assert (found.parent / "lock.txt").read_text().count("--hash=sha256:") == 2


def test_the_same_again_is_not_built_again(environments: Environments, tmp_path: Path) -> None:
    first = environments.ensure(*code(tmp_path, "alpha"))
    told: list[str] = []
    pyproject = '[project]\nname = "x"\nversion = "1"\ndependencies = ["alpha == 1.0"]\n'
    second = environments.ensure(*code(tmp_path, pyproject, "pyproject.toml"), told.append)
    assert first == second
    assert "installing 2 packages" not in told


def test_what_was_chosen_once_is_chosen_again(environments: Environments, wheels: Path, tmp_path: Path) -> None:
    """A newer release does not come with a rebuilt server; one that was withdrawn is replaced, and that is told."""
    kept = tmp_path / "lock.txt"
    first = environments.ensure(*code(tmp_path, "alpha"), kept=kept)
    wheel(wheels, "beta", "1.3")
    assert environments.ensure(*code(tmp_path, "alpha"), kept=kept) == first
    assert "beta==1.3" in (environments.ensure(*code(tmp_path, "alpha")).parent / "lock.txt").read_text()
    wheels.joinpath("beta-1.2-py3-none-any.whl").unlink()
    elsewhere = Environments(tmp_path / "elsewhere", Uv(user=None, wheels=(wheels,), index=False))
    told: list[str] = []
    second = elsewhere.ensure(*code(tmp_path, "alpha"), told.append, kept)
    assert second.parent.name != first.parent.name
    assert any("chosen anew" in each for each in told)
    assert "beta==1.3" in kept.read_text()


def test_builders_at_once_share_one(environments: Environments) -> None:
    lock = environments.resolve(requirements.read("requirements.txt", b"alpha"))
    assert lock.packages == ("alpha==1.0", "beta==1.2")
    told: list[str] = []
    threads = [threading.Thread(target=environments.install, args=(lock, told.append)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("installing 2 packages") == 1
    assert told.count("packages are ready") == 4
    assert environments.path(lock.digest).is_dir()


def test_a_wheel_that_was_exchanged_is_refused(environments: Environments, wheels: Path, tmp_path: Path) -> None:
    lock = environments.resolve(requirements.read("requirements.txt", b"beta"))
    (wheels / "beta-1.2-py3-none-any.whl").unlink()
    wheel(wheels, "beta", "1.2", size=10)
    elsewhere = Environments(tmp_path / "elsewhere", Uv(user=None, wheels=(wheels,), index=False))
    with pytest.raises(Permanent, match=r"[Hh]ash"):
        elsewhere.install(lock)
    assert sorted(each.name for each in (tmp_path / "elsewhere").iterdir()) == ["cache", "locks"]


def test_no_packages_are_an_empty_directory(environments: Environments, tmp_path: Path) -> None:
    found = environments.ensure(*code(tmp_path, "# nothing yet\n"))
    assert list(found.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("nosuchpackage", "package_unknown", "no package nosuchpackage"),
        ("gamma", "wheel_missing", "no wheel of gamma"),
        ("alpha>5", "packages_conflict", "alpha>5"),
        ("alpha\nbeta<1", "packages_conflict", "beta"),
    ],
)
def test_failures_in_words(environments: Environments, tmp_path: Path, text: str, kind: str, words: str) -> None:
    with pytest.raises(HoldfastError) as failed:
        environments.ensure(*code(tmp_path, text))
    assert failed.value.code == kind
    assert words in failed.value.message
    assert str(tmp_path) not in failed.value.message


def test_an_index_that_is_away_is_tried_again() -> None:
    error = explained("error: Failed to fetch: `https://index/simple/a/`\n  cause: dns error: no such host")
    assert isinstance(error, Retryable)
    assert error.code == "index_away"


def test_too_large_is_refused_and_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "huge", "1.0", size=3_000_000)
    root = tmp_path / "environments"
    environments = Environments(root, Uv(user=None, wheels=(wheels,), index=False), most_bytes=1_000_000)
    with pytest.raises(LimitExceeded) as failed:
        environments.ensure(*code(tmp_path, "huge"))
    assert failed.value.code == "packages_too_large"
    assert sorted(each.name for each in root.iterdir()) == ["cache", "locks"]


def test_unused_ones_are_collected(environments: Environments, tmp_path: Path) -> None:
    used = environments.ensure(*code(tmp_path, "beta")).parent
    unused = environments.ensure(*code(tmp_path, "alpha")).parent
    half = used.parent / "abc.1234.new"
    half.mkdir()
    for each in (used, unused, half):
        os.utime(each, (time.time() - 7200,) * 2)
    fresh = environments.ensure(*code(tmp_path, "")).parent
    assert environments.collect({used.name}) == [unused.name]
    assert (used.exists(), unused.exists(), half.exists(), fresh.exists()) == (True, False, False, True)
    assert environments.ensure(*code(tmp_path, "alpha")).parent == unused


@pytest.mark.parametrize(
    "line",
    [
        "alpha @ file:///etc/passwd", "alpha@https://example.org/a.whl", "git+https://example.org/x", "./local", "-e .",
        "-r other.txt", "--index-url https://example.org", "--find-links=/etc", "/etc/passwd", "alpha[x @ y]",
        "alpha\x00", "alpha ; python_version > 3 @ x", "-c constraints.txt", "https://example.org/a.whl", "../up",
        "a" * 200,
    ],
)  # fmt: skip
def test_what_reaches_elsewhere_is_refused(line: str) -> None:
    with pytest.raises(Invalid) as refused:
        requirements.read("requirements.txt", line.encode())
    assert refused.value.code == "requirements_invalid"


@pytest.mark.parametrize(
    "line",
    ["fastapi", "fastapi>=0.115,<1", "httpx[http2]==0.28.*", "a.b_c-d~=1.0", 'x>1; python_version >= "3.11"', "x===1.0",
     "pkg (>=1.0)", "x != 1.5", "numpy>=2 # fast"],
)  # fmt: skip
def test_what_is_usual_is_taken(line: str) -> None:
    assert requirements.read("requirements.txt", line.encode()).lines


def test_hashes_of_a_file_are_told_and_left_out() -> None:
    found = requirements.read(
        "requirements.txt", b"alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nbeta\n"
    )
    assert found.lines == ("alpha==1.0", "beta")
    assert "hashes" in found.notes[0]


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"[project\n", b"project = 5", b"[project]\ndependencies = 'x'", b"[project]\ndependencies = [5]"],
)
def test_a_pyproject_nobody_understands(content: bytes) -> None:
    with pytest.raises(Invalid):
        requirements.read("pyproject.toml", content)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("3.99", True), (">=3.99,<4", True), ("<5,>=3.99", True), (">=3.11", False), ("<3.99", False), (">3", False)],
)
def test_a_newer_python_is_told(wanted: str, told: bool) -> None:
    wanted = wanted if wanted[0] in "<>" else f"~={wanted}"
    content = f'[project]\nrequires-python = "{wanted}"\ndependencies = ["alpha"]\n'
    found = requirements.read("pyproject.toml", content.encode())
    assert found.lines == ("alpha",)
    assert [("3.99" in note) for note in found.notes] == ([True] if told else [])


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_line_is_taken_or_refused_and_never_an_option(text: str) -> None:
    try:
        found = requirements.read("requirements.txt", text.encode("utf-8", "ignore"))
    except Invalid:
        return
    for line in found.lines:
        assert line[0].isalnum()
        assert "/" not in line.partition(";")[0]
        assert "@" not in line


def test_nothing_of_ours_is_passed_on(tmp_path: Path) -> None:
    ours = {"HOLDFAST_MASTER_KEY": "k", "AWS_SECRET": "s", "HTTPS_PROXY": "p", "PATH": "/x", "UV_CONFIG_FILE": "c"}
    found = surroundings(ours, tmp_path, tmp_path / "cache")
    assert found["HTTPS_PROXY"] == "p"
    assert not {"k", "s", "c", "/x"} & set(found.values())


def test_a_lock_kept_is_the_same_environment() -> None:
    assert lock_of("alpha==1.0\n").digest == lock_of("alpha==1.0\n").digest != lock_of("alpha==1.1\n").digest


@pytest.mark.needs_root
def test_root_is_left_where_the_other_user_reaches_everything(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the interpreter may be out of reach for others; then it goes on as we are, which is told apart."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        os.chmod(place, 0o711)  # noqa: S103
        cache, at = Path(place) / "cache", Path(place) / "wheels"
        cache.mkdir()
        at.mkdir()
        wheel(at, "beta", "1.2")
        monkeypatch.setattr("holdfast.runtime.uv.sys.executable", "/usr/bin/python3")
        monkeypatch.setattr("holdfast.runtime.uv.sys.prefix", "/usr")
        text = Uv(wheels=(at,), index=False).resolve(["beta"], cache)
        assert text.startswith("beta==1.2")
        assert {each.stat().st_uid for each in cache.rglob("*")} == {65534}


def test_what_the_runtime_brings_is_left_out_where_a_package_asks_for_it(
    environments: Environments, wheels: Path, tmp_path: Path
) -> None:
    """Its own `asgi` and `workers` would stand beside ours."""
    wheel(wheels, "delta", "1.0", ["beta", "workers-runtime-sdk>=1.6"])
    found = environments.ensure(*code(tmp_path, "delta"))
    assert {"delta", "beta"} <= {each.name for each in found.iterdir()}
    assert not list(found.glob("workers*"))


def test_a_package_for_a_newer_python_is_told_with_ours() -> None:
    """As uv says it."""
    failed = explained(
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because the current Python version (3.11.7) does not"
        " satisfy Python>=3.12 and django-cf>=0.2.14 depends on Python>=3.12, we can conclude that it cannot be used."
    )
    assert failed.code == "packages_conflict"
    assert failed.hint is not None
    assert requirements.OURS in failed.hint
    assert "newer Python" in failed.hint

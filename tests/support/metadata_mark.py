"""Which tests use the metadata database: found in the code, so that nobody keeps a list.

A test does when its module, the module of a fixture it asks for, or a module of the tests that one of these imports
names `metadata_home`; unless it is marked `own_metadata`: it always chooses its database itself. `make test-only` runs
all tests on a metadata file, then on PostgreSQL of those that are marked so the share that HOLDFAST_TEST_SHARE names
("0/8": the first of eight), others for other commits, and always what is nearest to the database (ALWAYS).
HOLDFAST_TEST_FAULTS names the third of the files that kill processes or fill disks which runs for this commit.
HOLDFAST_TEST_LEFT names the share whose slow tests and walks run there and so not on a file: each of these runs once.
"""

from __future__ import annotations

import ast
import os
import sys
import zlib
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
HOME = "metadata_home"
ALWAYS = ("tests/kernel/", "tests/jobs/", "tests/nodes/", "tests/audit/")
WALKS = ("test_route_walk", "test_route_walk_environment", "test_every_route_guarded", "test_every_route_fuzzed")


@cache
def imports(file: Path) -> frozenset[str]:
    """The modules that a file imports by name, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return frozenset(found)


@cache
def uses_metadata(file: Path) -> bool:
    """Whether the file or one of the tests' modules behind it names the metadata's home."""
    seen, waiting = set[Path](), [file]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        if HOME in imports(at):
            return True
        waiting += [own for name in imports(at) if (own := _own_file(name)) is not None]
    return False


def _own_file(name: str) -> Path | None:
    """The file of a module that pytest has loaded from below the tests."""
    file = getattr(sys.modules.get(name), "__file__", None)
    path = None if file is None else Path(file).resolve()
    return path if path is not None and path.is_relative_to(TESTS) else None


@cache
def below_tests(name: str) -> Path | None:
    """A file of the tests by its name; asked for each fixture of each of ten thousand tests."""
    file = Path(name).resolve()
    return file if file.is_relative_to(TESTS) else None


def fixture_files(item: pytest.Item) -> set[Path]:
    """Where the fixtures are that an item asks for, by name or through others."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return set()
    codes = (getattr(each.func, "__code__", None) for found in info.name2fixturedefs.values() for each in found)
    names = {code.co_filename for code in codes if code is not None}
    return {file for name in names if (file := below_tests(name)) is not None}


def in_share(name: str, share: str) -> bool:
    """Whether a file of tests, or a test, belongs to the share "K/N"."""
    number, _, of = share.partition("/")
    return zlib.crc32(name.encode()) % int(of) == int(number)


def once(item: pytest.Item) -> str | None:
    """By which name a test that runs once a commit is in a share; None = a quick one, which runs on a file each time.
    Slow ones by whole files: what their tests start is started once. The walks ask each route the same questions:
    route by route."""
    file = item.nodeid.partition("::")[0]
    if any(item.get_closest_marker(name) is not None for name in ("slow", "faults")):
        return file
    return item.nodeid if Path(file).stem in WALKS else None


class MetadataMark:
    """The pytest plugin: marks at collection, before `-m` chooses."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            if item.get_closest_marker("own_metadata") is None and any(
                uses_metadata(file) for file in {below_tests(str(item.path)) or item.path, *fixture_files(item)}
            ):
                item.add_marker(pytest.mark.metadata)
        left = {item for item in items if _is_left(item)}
        if left:
            config.hook.pytest_deselected(items=list(left))
            items[:] = [item for item in items if item not in left]


def _is_left(item: pytest.Item) -> bool:
    """Whether this run leaves a test to another one."""
    name, file = once(item), item.nodeid.partition("::")[0]
    third = os.environ.get("HOLDFAST_TEST_FAULTS")
    if third and item.get_closest_marker("faults") is not None and not in_share(file, third):
        return True
    if share := os.environ.get("HOLDFAST_TEST_SHARE"):
        return not (in_share(name or file, share) or (name is None and file.startswith(ALWAYS)))
    elsewhere = os.environ.get("HOLDFAST_TEST_LEFT")
    return bool(name and elsewhere and item.get_closest_marker("metadata") and in_share(name, elsewhere))

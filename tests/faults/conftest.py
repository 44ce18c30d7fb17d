"""Faults are tested on whole installations; every one must leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("faults_cluster")
from faults_cluster import Cluster, cluster, short_directory  # noqa: E402  its assertions are to explain themselves


@pytest.fixture
def root() -> Iterator[Path]:
    with short_directory() as made:
        yield made


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Cluster]]:
    """Starts a Holdfast with the options of `Cluster`; taken down and looked over at the end of the test."""
    with ExitStack() as stack:

        def begin(**more: Any) -> Cluster:
            return stack.enter_context(cluster(root, **more))

        yield begin


class House:
    """One installation for the tests of a module that ask for the same options, until one of them fails."""

    def __init__(self) -> None:
        self.it: Cluster | None = None
        self._options: dict[str, Any] = {}
        self._stack = ExitStack()

    def at(self, **options: Any) -> Cluster:
        if self.it is not None and self._options != options:
            self.leave()
        if self.it is None:
            root = self._stack.enter_context(short_directory())
            self.it = self._stack.enter_context(cluster(root, HOLDFAST_CRASH_STEADY="1", **options))
            self._options = options
        return self.it

    def leave(self) -> None:
        """Taken down and looked over, as `start` does."""
        self.it = None
        self._stack.close()

    def abandon(self) -> None:
        """What it said is printed; the next test gets another."""
        self.it = None
        with suppress(AssertionError):  # a test has failed already: what it left running is its own
            self._stack.__exit__(AssertionError, AssertionError("a test failed in it"), None)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    yield made
    made.leave()


@pytest.fixture
def kept(request: pytest.FixtureRequest, house: House) -> Iterator[Callable[..., Cluster]]:
    """As `start`, but the tests of a module that give the same options have one Holdfast together. Looked over at the
    end of each test; after one that failed the next starts a fresh one."""
    failed = request.session.testsfailed
    yield house.at
    if request.session.testsfailed > failed:
        house.abandon()
    elif house.it is not None:
        try:
            house.it.left_nothing()
        except BaseException:
            house.abandon()
            raise

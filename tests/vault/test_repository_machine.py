"""Random lives of a repository beside a dictionary: written, forgotten, pruned by stock restic, opened again."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kit import PASSWORD, BytesCapture, new_repository, page_entry, read, restic, snapshot

from holdfast.contract.snapshot import Entry
from holdfast.kernel.errors import DiskFull, NotFound
from holdfast.vault.pipeline import SnapshotOptions
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

PAGE = 4096
paths = st.sampled_from(["a", "b", "d/c", 'd/"ü\n'])
contents = st.builds(
    lambda seed, size: random.Random(seed).randbytes(size),
    st.integers(0, 5),
    st.sampled_from([0, 1, 5_000, 900_000, 1_600_000]),
)


class Life(RuleBasedStateMachine):
    """`model`: what every snapshot must give back."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="holdfast-life-"))
        self.repo = new_repository(self.root / "r")
        self.model: dict[str, dict[str, bytes]] = {}

    def newest(self) -> str | None:
        return next(reversed(self.model), None)

    @rule(files=st.dictionaries(paths, contents, max_size=3), readers=st.integers(1, 3))
    def write(self, files: dict[str, bytes], readers: int) -> None:
        written = snapshot(self.repo, BytesCapture(files), options=SnapshotOptions(readers=readers))
        self.model[written.id] = dict(files)

    @rule(seed=st.integers(0, 9), changed=st.sets(st.integers(0, 7)))
    def write_pages(self, seed: int, changed: set[int]) -> None:
        """Only changed cells are given; the others are the parent's, or zeros."""
        parent = self.newest()
        before = self.model[parent].get("pages") if parent else None
        data, rng = bytearray(before or bytes(8 * PAGE)), random.Random(seed)
        for cell in changed:
            data[cell * PAGE : (cell + 1) * PAGE] = rng.randbytes(PAGE)
        cells = {cell: bytes(data[cell * PAGE : (cell + 1) * PAGE]) for cell in changed}
        others = {path: body for path, body in (self.model[parent] if parent else {}).items() if path != "pages"}
        entries = (page_entry("pages", cells, len(data), PAGE), *(Entry(path, None) for path in others))
        written = snapshot(self.repo, BytesCapture({}, entries), parent=parent)
        self.model[written.id] = others | {"pages": bytes(data)}

    @rule(data=st.data())
    @precondition(lambda self: self.model)
    def forget(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.model)))
        self.repo.forget(chosen)
        del self.model[chosen]
        with pytest.raises(NotFound):
            self.repo.source(chosen)

    @rule(n=st.integers(1, 5))
    def fail(self, n: int) -> None:
        """The n-th write finds no room."""
        store = FaultyStore(LocalStore(self.root / "r"), NthCall("put", n, DiskFull("no room"), forever=True))
        broken = Repository(store, self.repo.key, self.repo.config, self.repo.clock)
        with pytest.raises(DiskFull):
            snapshot(broken, BytesCapture({"a": random.Random().randbytes(400_000)}))

    @rule()
    def reopen(self) -> None:
        self.repo = Repository.open(LocalStore(self.root / "r"), PASSWORD)

    @rule()
    @precondition(lambda self: self.model)
    def prune(self) -> None:
        restic(self.root / "r", "prune")

    @invariant()
    def all_is_there(self) -> None:
        assert {s.id for s in self.repo.snapshots()} == set(self.model)
        for written in list(self.model)[-2:]:
            for path, body in self.model[written].items():
                assert read(self.repo, written, path) == body

    def teardown(self) -> None:
        try:
            for written, files in self.model.items():
                assert all(read(self.repo, written, path) == body for path, body in files.items())
            assert self.repo.check(read_data=True).errors == []
            restic(self.root / "r", "check", "--read-data")
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


TestLife = pytest.mark.slow(Life.TestCase)
TestLife.settings = settings(
    max_examples=4, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)

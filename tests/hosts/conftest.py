"""An installation of its own per test, and proof that nothing of it is left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts_support import eventually, processes_naming

from holdfast.hosts.keeper import KeeperClient, Policy, background
from holdfast.hosts.service import Hosts
from holdfast.kernel.settings import Settings

QUICK = Policy(first=0.05, longest=0.4, deaths=4)


def mounts(base: Path) -> set[str]:
    """Where something is mounted, without other tests' places: these mount and unmount beside us."""
    found = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
    return {at for at in found if at.startswith(str(base)) or not at.startswith(tempfile.gettempdir())}


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Data below a 0700 directory, as /root is; a short runtime directory."""
    base = Path(tempfile.mkdtemp(prefix="hf-hosts-"))
    before = mounts(base)
    made = Settings(
        data=base / "closed" / "data",
        runtime=base / "run",
        master_key_file=base / "key",
        control_port=0,
        apps_port=0,
    )
    base.chmod(0o700)
    try:
        yield made
        eventually(lambda: not processes_naming(str(base)))
        assert mounts(base) <= before
    finally:
        shutil.rmtree(base)


@pytest.fixture
def keeper(settings: Settings) -> Iterator[KeeperClient]:
    with background(settings, QUICK) as client:
        yield client


@pytest.fixture
def hosts(settings: Settings, keeper: KeeperClient) -> Hosts:
    return Hosts(settings, keeper)

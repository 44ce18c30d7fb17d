"""Control groups v2 given to an ordinary user, as systemd's Delegate=yes does: on the kernel's own files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import need

AS_ANOTHER_USER = Path(__file__).parents[1] / "runtime" / "sandbox" / "as_another_user.py"
UID = 54_324
SCRIPT = """
import json, subprocess, sys
from pathlib import Path
from holdfast.contract.spec import Limits
from holdfast.hosts import limits

sys.stdin.readline()  # by then it is in the group
root, controller = Path(sys.argv[1]), sys.argv[2]
limits._CONTROLLERS = (controller,)

def seen():
    version, parents, reason = limits._detect_v2(root, limits._own_paths()[""], "house")
    return [sorted(parents), reason]

before = seen()
limits._aside(root / limits._own_paths()[""].strip("/"))
after = seen()
made = root / Path(limits._own_paths()[""].strip("/")).parent / "house" / "w-1"
made.mkdir()
child = subprocess.Popen(["/bin/sleep", "60"])
(made / "cgroup.procs").write_text(str(child.pid))
inside = [int(each) for each in (made / "cgroup.procs").read_text().split()] == [child.pid]
child.kill()
child.wait()
print(json.dumps([before, after, inside, limits._own_paths()[""]]))
"""

pytestmark = pytest.mark.needs_root


@pytest.fixture
def delegated() -> Iterator[tuple[Path, Path, str]]:
    """(where v2 is mounted, a group of that user's, a controller it may pass on)."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    roots = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    need(roots, "control groups v2")
    root = roots[0]
    controllers = (root / "cgroup.controllers").read_text().split()
    need(controllers, "a controller of control groups v2")
    switched = controllers[0] not in (root / "cgroup.subtree_control").read_text().split()
    if switched:
        (root / "cgroup.subtree_control").write_text(f"+{controllers[0]}")
    group = root / f"holdfast-delegated-{os.getpid()}"
    group.mkdir()
    for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(group / name, UID, UID)
    yield root, group, controllers[0]
    for found, _, _ in os.walk(group, topdown=False):
        os.rmdir(found)
    if switched:
        (root / "cgroup.subtree_control").write_text(f"-{controllers[0]}")


def test_who_was_given_a_group_makes_room_in_it(delegated: tuple[Path, Path, str]) -> None:
    root, group, controller = delegated
    argv = [sys.executable, str(AS_ANOTHER_USER), str(UID), sys.executable, "-c", SCRIPT, str(root), controller]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        (group / "cgroup.procs").write_text(str(process.pid))
        out, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, err
    before, after, inside, own = json.loads(out)
    assert before[0] == []
    assert after == [[controller], ""]
    assert inside
    assert own == f"/{group.name}/holdfast-self"

"""kill -9 between what happened, the queue, the sending and its record: nothing lost, nothing told under two ids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from alert_house import House
from alert_receivers import Hooks

from holdfast.features.alerts.courier import Courier
from holdfast.features.alerts.deliveries.model import deliveries
from holdfast.kernel.master import MasterKey

pytestmark = [pytest.mark.faults]

# The loop of another process, on the same metadata, until it is killed at the named place.
LOOP = """
import sys, threading
from datetime import datetime
from ipaddress import ip_network
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
sys.path[:0] = {paths!r}
from alert_house import loop_of
from holdfast.kernel.clock import ManualClock
from holdfast.kernel.db import Database
from holdfast.kernel.master import MasterKey
from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.secrets import Secrets
import base64
db = Database({url!r})
secrets = Secrets(db, MasterKey.of(base64.b64decode(sys.stdin.readline())))
clock = ManualClock(datetime.fromisoformat({now!r}))
policy = OutboundPolicy(frozenset({{ip_network("127.0.0.0/8")}}))
loop, courier = loop_of(db, secrets, policy, clock, Path({root!r}), [10**12, 10**12], [])
for _ in range(3):
    loop.turn()
    courier.settled()
    clock.advance(7)
loop.close()
"""


def run_elsewhere(here: House, root: Path, crash_at: str) -> int:
    paths = [*filter(None, os.environ.get("PYTHONPATH", "").split(":")), *sys.path]
    url = here.db.url.render_as_string(hide_password=False)
    program = LOOP.format(paths=paths, url=url, now=here.clock.now().isoformat(), root=str(root))
    master: MasterKey = here.secrets.master.read()[0]
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=master.text + "\n",
        text=True,
        env={**os.environ, "HOLDFAST_CRASH_AT": crash_at},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode in (0, -9), ran.stderr
    return ran.returncode


@pytest.mark.parametrize("place", ["alerts.queued", "alerts.claimed", "alerts.sent"])
def test_killed_and_gone_on_with(here: House, hooks: Hooks, tmp_path: Path, place: str) -> None:
    here.hook(hooks.url)
    here.failed(here.database(), here.repository())
    assert run_elsewhere(here, tmp_path, place) == -9
    here.clock.advance(20)
    for _ in range(4):
        here.turn(20)
    told = [json.loads(each.body) for each in hooks.seen]
    assert {part["name"] for body in told for part in body["alerts"]} == {"shop"}
    assert len({each.headers["webhook-id"] for each in hooks.seen}) == 1
    assert len({each.body for each in hooks.seen}) == 1
    assert len(hooks.seen) == (2 if place == "alerts.sent" else 1)
    assert [each.state for each in here.log()] == ["sent"]
    assert [(each.state, each.count) for each in here.standing()] == [("open", 1)]


def test_of_two_nodes_one_sends(here: House, hooks: Hooks, tmp_path: Path) -> None:
    """Two couriers that claim at the same time."""
    for number in range(4):
        here.hook(hooks.url + f"&{number}", f"hook {number}")
    here.failed(here.database(), here.repository())
    here.loop.turn()
    here.clock.advance(6)
    both = [here.courier, Courier(here.db, here.courier._sender, here.clock)]
    start = Barrier(2)

    def work(courier: Courier) -> None:
        start.wait()
        courier.turn()
        courier.settled()

    threads = [Thread(target=work, args=(each,)) for each in both]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    both[1].close()
    here.turn(1)
    assert len(hooks.seen) == 4
    assert len({hook.headers["webhook-id"] for hook in hooks.seen}) == 4


def test_a_claim_that_nobody_settles_is_taken_back(here: House, hooks: Hooks) -> None:
    """Also when the clock went back, so that its end lies days ahead."""
    here.hook(hooks.url)
    here.failed(here.database(), here.repository())
    here.loop.turn()
    here.clock.advance(6)
    far = here.clock.now() + timedelta(days=3)
    with here.db.write() as conn:
        stuck = deliveries.update().values(state="sending", owner="other|1|1", lease_until=far, attempts=1)
        conn.execute(stuck)
        payload = {"id": "x", "type": "test", "severity": "info", "subject": "s", "asked_by": "x", "channel": "c"}
        conn.execute(deliveries.update().values(payload=payload))
    here.turn(1)
    assert [(each.state, each.attempts) for each in here.log()] == [("sent", 2)]

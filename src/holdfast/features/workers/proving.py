"""A version's saved cases, run before it takes requests: `holdfast deploy --run-cases`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.kernel.errors import Conflict
from holdfast.terminal.context import Terminal


def prove(t: Terminal, worker: Mapping[str, Any], version: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """The version is deployed without weight beside what there is, with all it is bound to, and is sent every case.

    Raises Conflict("cases_failed") when one is not answered as expected: what was deployed before is as it was then.
    A worker without cases, or with nothing deployed to go on meanwhile, is let through.
    """
    where = f"/workers/{worker['id']}"
    before = next(iter(t.client.items(f"{where}/deployments", limit=1)), None)
    if before is None or not t.client.get(f"{where}/cases"):
        return
    shares = [{"id": each["version_id"], "weight": each["weight"]} for each in before["versions"]]
    beside = {key: value for key, value in body.items() if key != "version_id"}
    beside |= {"versions": [*shares, {"id": version["id"], "weight": 0}], "message": "its cases are run"}
    beside |= {"accept_findings": True}  # the caller has looked at its own; those of the others were agreed to
    t.client.post(f"{where}/deployments", beside)
    results = []
    try:
        results = t.client.post(f"{where}/cases/run", {"version_id": version["id"]})
    finally:
        failed = [each for each in results if not each["passed"]]
        if failed or not results:
            kept = {"versions": shares, "accept_findings": True, "skip_check": True, "message": "its cases failed"}
            t.client.post(f"{where}/deployments", kept)
    if failed:
        said = "; ".join(f"{each['name']}: {', '.join(each['wrong'])}" for each in failed[:5])
        raise Conflict(
            f"{len(failed)} of {len(results)} cases of version {version['number']} failed: {said}",
            code="cases_failed",
            hint="What was deployed goes on. Run them by hand: holdfast worker case run NAME --version ...",
            details={"cases": failed},
        )

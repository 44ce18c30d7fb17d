"""The numbers on the pages about workers are those of the code: who changes one reads the page again."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.features.limits.words import SHIPPED
from holdfast.features.workers import archive, cases, folder, variables, versions
from holdfast.features.workers.settings import LimitsIn
from holdfast.runtime import environments
from holdfast.runtime.bindings import d1_binding, d1_guard, d1_session, d1_store, frames, kv_rules, ratelimit, values
from holdfast.runtime.bindings.handling import Limits as Bound
from holdfast.runtime.bindings.service_binding import DEPTH
from holdfast.runtime.edge.limits import Limits as Edge
from holdfast.runtime.egress.serving import Bounds
from holdfast.runtime.live import WorkerLimits
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.python import guard, host, invocations
from holdfast.runtime.python.workers import forms
from holdfast.runtime.sandbox import users
from holdfast.runtime.telemetry.records import Retention

PAGES = Path(__file__).parents[2] / "docs" / "workers"
MIB = 1 << 20
W, E, B, P, OUT, KEPT = WorkerLimits(), Edge(), Bound(), Policy(), Bounds(), Retention()
PROJECT = {what: limit.amount or 0 for what, limit in SHIPPED["project"].items()}
SAID = {
    "limits.md": [
        f"| time of an invocation | {W.timeout_seconds:g} s without",
        f"| memory of a process | {W.memory_bytes // MIB} MiB |",
        f"| processors of a process | {W.cpus:g} |",
        f"| start of a process, its imports | {P.start_seconds:g} s |",
        f"| one turn of a cron | the time limit, {P.cron_seconds / 60:g} minutes at most |",
        f"| processes and threads | {W.tasks} |",
        f"| open files | {W.files} |",
        f"| its private `/tmp` | {W.temporary_bytes // MIB} MiB |",
        f"| requests at once in a process | {W.concurrency} |",
        f"| work after an answer (`waitUntil`) | {invocations.BACKGROUND:g} s |",
        f"| body of a request | {W.body_bytes // MIB} MiB |",
        f"| log lines of an invocation | {W.log_lines:,} |",
        f"| log lines of a process | {P.lines_per_second:,} a second |",
        f"| a line of the log | {invocations.LONGEST_LINE:,} characters |",
        f"| a version | {archive.MOST_FILES:,} files, {archive.MOST_BYTES // MIB} MiB; paths of {archive.LONGEST_PATH}",
        f"| what `holdfast deploy` sends | {folder._MOST_BYTES // MIB} MiB packed |",
        f"| versions kept | the newest {versions.KEPT_VERSIONS},",
        f"| packages of an environment | {environments.MOST_BYTES >> 30} GiB |",
        f"says nothing for {P.silent_seconds:g} seconds",
        f"speaks to the pool every {'five' if host.IDLE_EVERY == 5 else host.IDLE_EVERY} seconds",
        f"may finish for {P.drain_seconds:g} seconds",
        f"for {KEPT.days:g} days and up to {KEPT.bytes >> 30} GiB",
        f"per minute stay for {KEPT.minutes_days:g} days",
    ],
    "bindings.md": [
        f"| calls in flight | {B.calls};",
        f"| connections | {B.connections};",
        f"| long calls in flight, long answers in flight | {B.room // MIB} MiB each;",
        f"| one frame | {frames.LONGEST_FRAME // MIB} MiB |",
        f"cut off after {B.stall_seconds:g} s |",
        f"nested up to {values.DEPTH} levels",
        f"`int` (to {values.LONGEST_INTEGER >> 10} KiB)",
        f"{frames.LONGEST_FRAME // MIB} MiB of arguments, {values.LONGEST // MIB} MiB of a result",
        f"key {kv_rules.KEY_BYTES} bytes, value {kv_rules.VALUE_BYTES // MIB} MiB, metadata {kv_rules.METADATA_BYTES}",
        f"expiry at least {kv_rules.LEAST_TTL} seconds ahead, {kv_rules.BULK_KEYS} keys and",
        f"one `get`, {kv_rules.MOST_KEYS} in one page",
        f"| statement | {d1_guard.STATEMENT_BYTES:,} bytes, {d1_guard.PARAMETERS} parameters, 100 columns, 32 a",
        f"| row, text or blob | {d1_guard.ROW_BYTES // 10**6} MB |",
        f"| a call | {d1_store.SECONDS:g} seconds,",
        f"| a call's results | {d1_session.RESULT_BYTES // MIB} MiB |",
        f"| statements of a `batch` | {d1_binding.MOST_STATEMENTS} |",
        f"| script of `exec` | {d1_session.EXEC_BYTES // MIB} MiB |",
        f"at most {DEPTH} deep",
        f"{ratelimit.MOST_KEYS:,} keys are remembered",
    ],
    "python.md": [
        f"parsing stops at {forms.MOST_PARTS:,} parts",
        f"at most {invocations.BACKGROUND:g} s; a failure",
        f"after {invocations.GRACE:g} s the process takes no new work",
        f"{host.EXIT_FATAL} the module could not be imported, {guard.EXIT_STUCK} given up",
        f"{guard.EXIT_FROZEN} ended by the kernel's timer",
    ],
    "security.md": [
        f"{B.connections} connections to its bindings, {OUT.connections} outward",
        f"its time limit and {E.grace_seconds:g} s for a head",
        f"{E.upstreams} at most at once",
        f"between {users.FIRST} and {users.LAST}",
    ],
    "edge.md": [
        f"| {E.head_bytes >> 10} KiB, {E.head_fields} fields, {E.head_seconds:g} s to arrive |",
        f"{E.body_seconds:g} s between two parts, {E.body_rate} bytes/s",
        f"| between two parts of an answer | {E.stream_seconds:g} s |",
        f"| a client that does not read | {E.send_seconds:g} s |",
        f"| a silent WebSocket | {E.tunnel_seconds:g} s |",
        f"| an idle connection | {E.idle_seconds:g} s |",
        f"| connections at once | {E.connections}, and {E.upstreams} to one version |",
    ],
    "egress.md": [
        f"| `calls_many` | 429 | {OUT.connections} calls at once |",
    ],
    "manage.md": [
        f"| `limits.timeout_seconds` | {W.timeout_seconds:g} |",
        f"| `limits.memory_bytes` | {W.memory_bytes} |",
        f"| `limits.cpus`, `limits.tasks`, `limits.files` | {W.cpus:g}, {W.tasks}, {W.files} |",
        f"| `limits.temporary_bytes` | {W.temporary_bytes} |",
        f"| {W.concurrency}, {W.body_bytes}, {W.log_lines} |",
        f"({archive.MOST_FILES} files, {archive.MOST_BYTES // MIB} MiB unpacked;",
        f"packed {archive.MOST_RATIO} times smaller",
        f"At most {cases.MOST_CASES} cases of a worker, bodies of at most {cases.MOST_BODY >> 10} Ki characters",
        f"at most {PROJECT['workers']} workers",
        f"takes {PROJECT['versions']:,} versions a day",
    ],
    "cloudflare.md": [
        f"| {W.memory_bytes // MIB} MiB a process | `limits.memory_bytes` |",
        f"| {W.timeout_seconds:g} s without a part of a body moving | `limits.timeout_seconds`, at most",
        f"| {W.body_bytes // MIB} MiB | `limits.body_bytes` |",
        f"not counted; {OUT.connections} at once in a version",
        f"{archive.MOST_FILES:,} files, {archive.MOST_BYTES // MIB} MiB; {folder._MOST_BYTES // MIB} MiB packed",
        f"{variables.MOST_VARIABLES} variables of a worker, of {variables.MOST_BYTES >> 10} KiB each",
        f"up to {W.concurrency} requests at once",
        f"{DEPTH} deep",
    ],
}


@pytest.mark.parametrize("name", SAID)
def test_a_pages_numbers_are_the_codes(name: str) -> None:
    page = " ".join((PAGES / name).read_text().split())
    assert [each for each in SAID[name] if " ".join(each.split()) not in page] == []


def test_a_setting_has_the_default_that_runs() -> None:
    """Of the two places that name it."""
    assert WorkerLimits(**LimitsIn().model_dump()) == W

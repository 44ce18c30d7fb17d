"""Slices: what the kernel says of the task afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.kernel.scheduling import LONG_SECONDS, slice_of

ANSWERS = """
import subprocess, sys
from holdfast.kernel.scheduling import answer_soon
print(answer_soon())
print(open("/proc/self/sched").read(), flush=True)
subprocess.run([sys.executable, "-c", "print(open('/proc/self/sched').read())"], check=True)
"""


def slices(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"^se\.slice +: +(\d+)$", text, re.MULTILINE)]


def test_who_answers_and_what_it_starts_have_a_short_slice() -> None:
    told = subprocess.run([sys.executable, "-c", ANSWERS], check=True, capture_output=True, text=True).stdout
    assert told.startswith("True\n")
    assert set(slices(told)) <= {100_000}  # none where the kernel does not tell
    assert slices(Path("/proc/self/sched").read_text()) != [100_000] or not slices(told)


def test_a_long_slice_keeps_how_nice_a_task_is() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, 5)
            slice_of(process.pid, LONG_SECONDS)
            assert set(slices(Path(f"/proc/{process.pid}/sched").read_text())) <= {100_000_000}
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == 5
        finally:
            process.kill()


def test_a_task_that_has_ended_is_told() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        with pytest.raises(ProcessLookupError):
            slice_of(process.pid, LONG_SECONDS)

"""The seccomp program, run by a small interpreter of classic BPF."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.runtime.sandbox import calls
from holdfast.runtime.sandbox.seccomp import Filter

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, EACCES, ENOSYS = (0x50000 | number for number in (1, 13, 38))
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = st.sampled_from(sorted(ARCHITECTURES))
FILTERS = {
    switch: {name: Filter(subprocess=switch).program(name) for name in ARCHITECTURES} for switch in (False, True)
}
COUNTED = {name: Filter(shared_memory=False).program(name) for name in ARCHITECTURES}


def answer(program: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int | None = None) -> int:
    """What the kernel would do. IndexError for a jump out of the program."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    if architecture is None:
        architecture = struct.unpack_from("<I", program, 12)[0]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *padded)
    lines = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, true, false, value = lines[at]
        at += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
            continue
        if code == 0x54:
            accumulator &= value
            continue
        truth = {
            0x15: accumulator == value,
            0x25: accumulator > value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[code]
        at += true if truth else false


@given(
    MACHINES,
    st.booleans(),
    st.integers(0, 0x3FFFFFFF) | st.integers(0, 500),
    st.tuples(*[st.integers(0, 2**64 - 1)] * 2),
)
def test_only_what_stands_in_the_table_is_allowed(
    machine: str, switch: bool, number: int, arguments: tuple[int, int]
) -> None:
    allowed = set(calls.numbers(calls.ALLOWED, machine).values())
    refused = set(calls.numbers(calls.REFUSED, machine).values())
    decided = set(calls.numbers(calls.BY_ARGUMENT, machine).values())
    found = answer(FILTERS[switch][machine], number, arguments)
    if number in decided:
        assert found in (ALLOW, EPERM, EACCES, ENOSYS)
    else:
        assert found == (ALLOW if number in allowed else EPERM if number in refused else ENOSYS)


@given(MACHINES, st.booleans(), st.integers(0, 2**64 - 1))
def test_sockets_and_namespaces_are_judged_by_what_the_kernel_reads(machine: str, switch: bool, value: int) -> None:
    program, number = FILTERS[switch][machine], calls.numbers(calls.BY_ARGUMENT, machine)
    assert answer(program, number["socket"], (value,)) == (ALLOW if value & 0xFFFFFFFF == 1 else EACCES)
    found = answer(program, number["clone"], (value,))
    if value & 0x7E020000:
        assert found == EPERM
    else:
        assert found == (ALLOW if switch or value & 0x10000 else EPERM)


@given(MACHINES, st.integers(0, 2**64 - 1) | st.integers(0, 0x1FF))
def test_memory_that_no_process_has_to_itself(machine: str, flags: int) -> None:
    """mmap(2): MAP_SHARED is 1, MAP_SHARED_VALIDATE 3, MAP_ANONYMOUS 0x20, MAP_GROWSDOWN 0x100."""
    number = calls.numbers(calls.ALLOWED, machine)["mmap"]
    found = answer(COUNTED[machine], number, (0, 4096, 3, flags, 0, 0))
    if flags & 0x100 or (flags & 0x20 and flags & 0xF in (1, 3)):
        assert found == EPERM
    elif flags & 0xF in (0, 2):
        assert found == ALLOW
    assert answer(FILTERS[False][machine], number, (0, 4096, 3, flags, 0, 0)) == ALLOW


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_objects_that_outlive_their_process(machine: str) -> None:
    allowed = calls.numbers(calls.ALLOWED, machine)
    made = ("memfd_create", "shmget", "semget", "msgget")
    assert {answer(COUNTED[machine], allowed[name]) for name in made} == {EPERM}
    assert {answer(COUNTED[machine], allowed[name]) for name in allowed.keys() - set(made)} == {ALLOW}


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_the_switch_for_programs(machine: str) -> None:
    number = calls.numbers(calls.BY_ARGUMENT, machine)
    for name in ("execve", "execveat"):
        assert answer(FILTERS[False][machine], number[name]) == EPERM
        assert answer(FILTERS[True][machine], number[name]) == ALLOW
    assert answer(FILTERS[True][machine], number["clone3"]) == ENOSYS


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_other_processors_calls_end_the_process(machine: str) -> None:
    for name, architecture in ARCHITECTURES.items():
        if name != machine:
            assert answer(FILTERS[True][machine], 0, architecture=architecture) == KILL
    assert answer(FILTERS[True]["x86_64"], 0x40000000) == KILL


def test_no_call_stands_twice() -> None:
    for machine in ARCHITECTURES:
        tables = [calls.numbers(table, machine) for table in (calls.ALLOWED, calls.REFUSED, calls.BY_ARGUMENT)]
        assert sum(map(len, tables)) == len({number for table in tables for number in table.values()})
        assert not {"io_uring_setup", "ptrace", "mount", "bpf", "keyctl"} & set(tables[0])

"""The seccomp program (classic BPF, kernel Documentation/userspace-api/seccomp_filter) around worker code.

An allow-list. Another processor's calls (and x32's) end the process. Sockets are AF_UNIX only; namespaces cannot be
made; clone3 answers ENOSYS, because its flags lie in memory where no filter can look, and libraries then use clone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

from holdfast.runtime.sandbox import calls

_LOAD, _JEQ, _JGT, _JGE, _JSET, _RETURN, _AND = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06, 0x54
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; arguments are 8 bytes each, low half first

_AF_UNIX = 1
_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone takes
_CLONE_THREAD = 0x00010000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_MAP_GROWSDOWN, _MAP_SHARED_ANONYMOUS = 0x100, 0x21  # both ways to share have bit 0, MAP_PRIVATE has not
_PERSONALITIES = (0, 0xFFFFFFFF)  # Linux as it is, and the question which one is in force

_PREPARING = (
    *("seccomp", "setresuid", "setresgid", "setgroups", "capset"),
    *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"),
)
# What they make is nobody's own memory: only a control group counts it.
_SHARED_MEMORY = ("memfd_create", "shmget", "msgget", "semget")

_Instruction = tuple[int, int, int, int]


@dataclass(frozen=True)
class Filter:
    """`subprocess`: other processes and programs may be started. `shared_memory`: memory may be had that RLIMIT_DATA
    does not count; without a control group for memory it must not be. `preparing`: also what the bubblewrap mode's own
    first steps need (starting Python, changing the user, the stricter filter); never the last word on worker code."""

    subprocess: bool = False
    shared_memory: bool = True
    preparing: bool = False

    @cache  # noqa: B019 - there are a few of them
    def program(self, machine: str) -> bytes:
        """For `x86_64` or `aarch64`, as the kernel and `bwrap --seccomp` take it."""
        head: list[_Instruction] = [
            (_LOAD, 0, 0, _ARCH),
            (_JEQ, 1, 0, _ARCHITECTURE[machine]),
            _return(_KILL),
            (_LOAD, 0, 0, _NUMBER),
        ]
        if machine == "x86_64":
            head += [(_JGE, 0, 1, _X32), _return(_KILL)]
        body = self._by_argument(machine)
        allowed, refused = calls.numbers(calls.ALLOWED, machine), calls.numbers(calls.REFUSED, machine)
        if not self.shared_memory:
            body += _of_mmap(allowed.pop("mmap"))
            refused |= {name: allowed.pop(name) for name in _SHARED_MEMORY}
        if self.preparing:
            allowed |= {name: refused.pop(name) for name in _PREPARING}
        body += _ranges(set(allowed.values()), _ALLOW) + _ranges(set(refused.values()), _ERRNO | _EPERM)
        return b"".join(struct.pack("HBBI", *one) for one in [*head, *body, _return(_ERRNO | _ENOSYS)])

    def _by_argument(self, machine: str) -> list[_Instruction]:
        number = calls.numbers(calls.BY_ARGUMENT, machine)
        starting = _ALLOW if self.subprocess or self.preparing else _ERRNO | _EPERM
        blocks: dict[str, list[_Instruction]] = {
            "socket": _one_of(0, (_AF_UNIX,), _EACCES),
            "socketpair": _one_of(0, (_AF_UNIX,), _EACCES),
            "personality": _one_of(0, _PERSONALITIES, _EPERM),
            "ioctl": [
                _argument(1),
                (_JEQ, 1, 0, _TIOCSTI),
                (_JEQ, 0, 1, _TIOCLINUX),
                _return(_ERRNO | _EPERM),
                _return(_ALLOW),
            ],
            "clone": [
                _argument(0),
                (_JSET, 0, 1, _NAMESPACES),
                _return(_ERRNO | _EPERM),
                (_JSET, 0, 1, _CLONE_THREAD),
                _return(_ALLOW),
                _return(starting),
            ],
            "clone3": [_return(_ERRNO | _ENOSYS)],
            **{name: [_return(starting)] for name in ("fork", "vfork", "execve", "execveat")},
        }
        found: list[_Instruction] = []
        for name, block in blocks.items():
            if name in number:
                found += [(_JEQ, 0, len(block), number[name]), *block]
        return found


def _of_mmap(number: int) -> list[_Instruction]:
    """Private mappings only, and none that counts as a stack."""
    block = [
        _argument(3),
        (_JSET, 2, 0, _MAP_GROWSDOWN),
        (_AND, 0, 0, _MAP_SHARED_ANONYMOUS),
        (_JEQ, 0, 1, _MAP_SHARED_ANONYMOUS),
        _return(_ERRNO | _EPERM),
        _return(_ALLOW),
    ]
    return [(_JEQ, 0, len(block), number), *block]


def _return(value: int) -> _Instruction:
    return (_RETURN, 0, 0, value)


def _argument(index: int) -> _Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)


def _one_of(index: int, values: tuple[int, ...], errno: int) -> list[_Instruction]:
    """Allow when the argument's low half is one of the values: all the kernel looks at for these calls."""
    tests = [(_JEQ, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_argument(index), *tests, _return(_ERRNO | errno), _return(_ALLOW)]


def _ranges(numbers: set[int], answer: int) -> list[_Instruction]:
    """Numbers that follow each other are one comparison of both ends."""
    found: list[_Instruction] = []
    starts = sorted(number for number in numbers if number - 1 not in numbers)
    for start in starts:
        end = start
        while end + 1 in numbers:
            end += 1
        found += [(_JGT, 2, 0, end), (_JGE, 0, 1, start), _return(answer)]
    return found

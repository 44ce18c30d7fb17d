"""A real SSH server (asyncssh's own) on a real socket, that forwards to the places it is told to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ssh_listening import Desk, House

USER, PASSWORD = "tunnel user", "p w'\"$(id)"


class _Desk(Desk):
    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        self._house.asked.append((dest_host, dest_port))
        return (dest_host, dest_port) in self._house.allowed


class SshHouse(House):
    """`allowed`: where it forwards to; `asked`: where it was asked to."""

    desk = _Desk

    def __init__(self, allowed: set[tuple[str, int]]) -> None:
        self.allowed = allowed
        self.asked: list[tuple[str, int]] = []
        super().__init__((USER, PASSWORD))


@contextlib.contextmanager
def ssh_house(*allowed: tuple[str, int]) -> Iterator[SshHouse]:
    house = SshHouse(set(allowed))
    try:
        yield house
    finally:
        house.close()

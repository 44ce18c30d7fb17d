"""The D1 binding: what a worker's `env.DB` asks, checked and answered by its database."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from holdfast.runtime.bindings.d1_session import RESULT_BYTES, Statement, checked
from holdfast.runtime.bindings.d1_store import D1Database, D1Turns
from holdfast.runtime.bindings.frames import METHODS
from holdfast.runtime.bindings.handling import Answer, Charged, Failure, Quota, arguments

_QUERY, _EXEC = range(len(METHODS["d1"]))
MOST_STATEMENTS: Final = 1000  # of one batch


class D1Binding:
    """One database, bound to one version."""

    def __init__(self, database: D1Database, quota: Quota) -> None:
        self._database, self._quota = database, quota
        self._turns = D1Turns(quota.share)

    def call(self, method: int, payload: bytes) -> Answer | Awaitable[Answer]:
        if self._database.path == Path():
            raise Failure("Error", "D1_ERROR: the database is not ready")
        if method == _QUERY:
            (given,) = arguments(payload, list)
            if len(given) > MOST_STATEMENTS:
                raise Failure("Error", f"D1_ERROR: a batch has at most {MOST_STATEMENTS} statements")
            if not all(isinstance(each, list) and len(each) == 2 for each in given):
                raise Failure("TypeError", "a statement is a text and a list of values")
            return self._query([checked(*each) for each in given])
        if method == _EXEC:
            (text,) = arguments(payload, str)
            return self._database.exec(text, self._turns)
        raise Failure("NotBound", f"a database has no method number {method}")

    async def _query(self, statements: list[Statement]) -> Answer:
        await self._quota.answers.acquire(RESULT_BYTES)
        try:
            payload = await self._database.query(statements, self._turns)
        except BaseException:
            self._quota.answers.release(RESULT_BYTES)
            raise
        charge = min(len(payload), RESULT_BYTES)
        self._quota.answers.release(RESULT_BYTES - charge)
        return Charged(payload, charge)

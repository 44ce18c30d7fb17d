"""A store that only grows: what was written is not deleted through it, whatever its credential might allow."""

from __future__ import annotations

from holdfast.kernel.errors import NeedsOperator
from holdfast.vault.stores.base import Pieces, Store

_PASSING = ("locks/", "tmp/")


class AppendOnlyStore:
    """See `Store`. `delete` raises NeedsOperator("deletes_apart") but for locks and what nobody ever refers to. `hint`
    says how deleting is done."""

    def __init__(self, inner: Store, hint: str) -> None:
        self._inner = inner
        self._hint = hint
        self.get, self.size, self.exists, self.list = inner.get, inner.size, inner.exists, inner.list
        self.create, self.put_stream, self.walk = inner.create, inner.put_stream, inner.walk

    def put(self, name: str, pieces: Pieces) -> None:
        self._inner.put(name, pieces)

    def sweep(self) -> None:
        self._inner.sweep()

    def delete(self, name: str) -> None:
        if not name.startswith(_PASSING):
            raise NeedsOperator(
                f"this repository only grows here: {name.partition('/')[0]} are not deleted",
                code="deletes_apart",
                hint=self._hint,
            )
        self._inner.delete(name)

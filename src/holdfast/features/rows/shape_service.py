"""The shape of tables for someone: authorised, audited, shown before it is done."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.contract.catalog import Relation
from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import TableName
from holdfast.contract.shapes import Alter, CanReshape, Create, Drop, Reshape, Shape, Steps, TableChange, TableShape
from holdfast.features.access.actor import Actor
from holdfast.features.databases.query import Errand, QueryService, Visit
from holdfast.kernel.errors import Invalid

READ, WRITE = "database.read", "database.schema.write"
_SECONDS = 300.0
_SHOWN = ("table", "view", "materialized view", "foreign table", "virtual table")


class ShapeService:
    def __init__(self, queries: QueryService) -> None:
        self._queries = queries

    async def tables(self, actor: Actor, resource_id: str) -> Sequence[Relation]:
        """Tables and views, by schema and name."""
        catalog = await self._queries.inspect(actor, resource_id, "shallow")
        return [relation for relation in catalog.relations if relation.kind in _SHOWN]

    async def shape(self, actor: Actor, resource_id: str, name: TableName) -> Shape:
        async with self._queries.visit(actor, resource_id, Errand(READ, "table", noted=False)) as visit:
            return await _able(visit).shape(name)

    async def create(
        self, actor: Actor, resource_id: str, shape: TableShape, schema: str | None, *, preview: bool
    ) -> Steps:
        return await self._do(actor, resource_id, "create", Create(shape, schema), shape.name, preview=preview)

    async def alter(
        self, actor: Actor, resource_id: str, name: TableName, change: TableChange, *, preview: bool
    ) -> Steps:
        return await self._do(actor, resource_id, "alter", Alter(name, change), name.name, preview=preview)

    async def drop(self, actor: Actor, resource_id: str, name: TableName, confirm: str, *, preview: bool) -> Steps:
        """`confirm` is the table's name. Refused while something else needs the table."""
        if confirm != name.name and not preview:
            errand = Errand(WRITE, "table drop", noted=False)
            async with self._queries.visit(actor, resource_id, errand):
                raise Invalid("confirm must be the table's name, exactly", code="confirm_mismatch")
        return await self._do(actor, resource_id, "drop", Drop(name), name.name, preview=preview)

    async def _do(self, actor: Actor, resource_id: str, verb: str, act: Reshape, table: str, *, preview: bool) -> Steps:
        errand = Errand(
            WRITE,
            f"table {verb} {table}",
            write=not preview,
            plain=True,
            noted=not preview,
            action="" if preview else f"table.{verb}",
            details={"table": table},
        )
        async with self._queries.visit(actor, resource_id, errand) as visit:
            limits = QueryLimits(seconds=_SECONDS, write=not preview, stop=visit.stop)
            return await _able(visit).reshape(act, limits, preview=preview)


def _able(visit: Visit) -> CanReshape:
    if not isinstance(visit.session, CanReshape):
        raise Invalid("this engine has no tables to shape", code="rows_unsupported")
    return visit.session

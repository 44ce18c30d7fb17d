"""/api/v1/databases/{database_id}/tables: making, changing and dropping tables."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from holdfast.contract.catalog import Relation
from holdfast.contract.rows import TableName
from holdfast.contract.shapes import Shape, Steps, TableChange, TableShape
from holdfast.features.access.http import CurrentActor
from holdfast.features.rows.shape_service import ShapeService
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["tables"])
Service = Annotated[ShapeService, Depends(part(ShapeService))]
Schema = Annotated[str | None, Query(max_length=256, description="The table's schema, where it is not the usual one.")]
Preview = Annotated[bool, Query(description="Only say which statements would run.")]
_TABLE = "/databases/{database_id}/tables/{table:path}"


class TableOut(BaseModel):
    """A table or view in a list; `rows` is an estimate."""

    db_schema: str = Field(serialization_alias="schema")
    name: str
    kind: str
    columns: int
    primary_key: list[str]
    rows: int | None
    bytes: int | None

    @classmethod
    def of(cls, relation: Relation) -> TableOut:
        key = sorted((c for c in relation.columns if c.primary_key), key=lambda c: c.primary_key)
        return cls(
            db_schema=relation.schema,
            name=relation.name,
            kind=relation.kind,
            columns=len(relation.columns),
            primary_key=[column.name for column in key],
            rows=relation.rows,
            bytes=relation.bytes,
        )


class TableColumnOut(BaseModel):
    name: str
    type: str
    nullable: bool
    default: str | None
    primary_key: int
    generated: bool


class TableIndexOut(BaseModel):
    name: str
    columns: list[str]
    unique: bool
    definition: str | None


class ConstraintOut(BaseModel):
    kind: str
    name: str | None
    columns: list[str]
    definition: str


class ShapeOut(BaseModel):
    """One table: its columns, what tells its rows apart, indexes and constraints."""

    db_schema: str = Field(serialization_alias="schema")
    name: str
    kind: str
    key: list[str]
    key_kind: str
    editable: bool
    columns: list[TableColumnOut]
    indexes: list[TableIndexOut]
    constraints: list[ConstraintOut]
    triggers: list[str]
    definition: str | None

    @classmethod
    def of(cls, shape: Shape) -> ShapeOut:
        table, relation = shape.table, shape.table.relation
        return cls(
            db_schema=relation.schema,
            name=relation.name,
            kind=relation.kind,
            key=list(table.key) if table.editable else [],
            key_kind=table.key_kind,
            editable=table.editable,
            columns=[TableColumnOut(**vars(column)) for column in relation.columns],
            indexes=[TableIndexOut(**vars(index) | {"columns": list(index.columns)}) for index in relation.indexes],
            constraints=[ConstraintOut(**vars(c) | {"columns": list(c.columns)}) for c in shape.constraints],
            triggers=list(shape.triggers),
            definition=relation.definition,
        )


class StepsOut(BaseModel):
    """The statements, in order; `applied` says whether they ran. None of them: there was nothing to change."""

    applied: bool
    statements: list[str]
    rebuilt: bool

    @classmethod
    def of(cls, steps: Steps, *, preview: bool) -> StepsOut:
        return cls(applied=not preview, statements=list(steps.statements), rebuilt=steps.rebuilt)


class TableDropIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(max_length=200, description="The table's name, typed.")


@router.get("/databases/{database_id}/tables", operation_id="table_list", responses=answers(403, 404, 409))
async def list_tables(
    actor: CurrentActor, service: Service, database_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[TableOut]:
    """Tables and views, by schema and name."""
    found = sorted(await service.tables(actor, database_id), key=_place)
    after: Any = decode_cursor(cursor, str, str)
    rows = [relation for relation in found if after is None or _place(relation) > after]
    return page(rows[: limit + 1], limit, TableOut.of, _place)


@router.post(
    "/databases/{database_id}/tables",
    operation_id="table_create",
    status_code=201,
    responses=answers(403, 404, 409),
)
async def create_table(
    body: TableShape,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    *,
    schema: Schema = None,
    preview: Preview = False,
) -> StepsOut:
    """Make a table with its keys and indexes, in one transaction."""
    return StepsOut.of(await service.create(actor, database_id, body, schema, preview=preview), preview=preview)


@router.get(_TABLE, operation_id="table_get", responses=answers(403, 404, 409))
async def get_table(
    actor: CurrentActor, service: Service, database_id: str, table: str, schema: Schema = None
) -> ShapeOut:
    """One table with everything that shapes it."""
    return ShapeOut.of(await service.shape(actor, database_id, TableName(table, schema)))


@router.patch(_TABLE, operation_id="table_alter", responses=answers(403, 404, 409))
async def alter_table(
    body: TableChange,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    *,
    schema: Schema = None,
    preview: Preview = False,
) -> StepsOut:
    """Change a table, in one transaction. What is as it should be already is not touched."""
    name = TableName(table, schema)
    return StepsOut.of(await service.alter(actor, database_id, name, body, preview=preview), preview=preview)


@router.delete(_TABLE, operation_id="table_drop", responses=answers(403, 404, 409))
async def drop_table(
    body: TableDropIn,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    table: str,
    *,
    schema: Schema = None,
    preview: Preview = False,
) -> StepsOut:
    """Drop a table with its rows. Refused while a foreign key or a view needs it."""
    name = TableName(table, schema)
    return StepsOut.of(await service.drop(actor, database_id, name, body.confirm, preview=preview), preview=preview)


def _place(relation: Relation) -> tuple[str, str]:
    return relation.schema, relation.name

"""Uploads, exports and imports on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.features.databases.encoding import encode_row
from holdfast.features.runs.wire import RunOut
from holdfast.features.transfers.imports import Preview
from holdfast.features.transfers.mapping import MOST_ERRORS, ImportWish
from holdfast.features.transfers.model import Export, Import, Upload
from holdfast.features.transfers.reading import FileWish
from holdfast.features.transfers.uploads import WantedUpload
from holdfast.features.transfers.writing import CsvWish, ExportWish
from holdfast.formats.guessing import DateOrder, Kind
from holdfast.formats.sniffing import Form
from holdfast.formats.squeezing import Squeeze


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CsvOutIn(_In):
    """How CSV is written; UTF-8, NULL and the empty text apart."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    header: bool = True
    null: str = Field(default="", max_length=32, description="The word for NULL; unquoted.")
    formula_safe: bool = Field(default=False, description="A ' before text that a spreadsheet would run.")


class ExportIn(_In):
    """A table ("schema.table" or "table"), one reading statement, or neither: the whole database as SQL."""

    format: Form = "csv"
    table: str | None = Field(default=None, min_length=1, max_length=200)
    statement: str | None = Field(default=None, min_length=1, max_length=1_000_000)
    compression: Squeeze = "none"
    csv: CsvOutIn = Field(default_factory=CsvOutIn)

    def wish(self) -> ExportWish:
        csv = CsvWish(**self.csv.model_dump())
        return ExportWish(self.format, self.table, self.statement, self.compression, csv)


class UploadIn(_In):
    """A file that will be sent in parts."""

    name: str = Field(min_length=1, max_length=255, examples=["orders.csv.gz"])
    size: int = Field(ge=1, description="In bytes.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="Checked when it is complete.")

    def wanted(self) -> WantedUpload:
        return WantedUpload(self.name, self.size, self.sha256)


class FileIn(_In):
    """What is known of the file better than its first bytes tell."""

    format: Form | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1, description='"" = nothing is quoted.')
    header: bool | None = None
    null: str | None = Field(default=None, max_length=32)
    encoding: str | None = Field(default=None, max_length=40, examples=["latin-1"])
    date_order: DateOrder = Field(default="ymd", description="How dates such as 01/02/2026 are read.")


class ImportIn(_In):
    """From a complete upload into a table that is there, or (when there is none of that name) a new one."""

    upload_id: str = Field(max_length=64)
    table: str | None = Field(default=None, min_length=1, max_length=200)
    columns: dict[str, str] = Field(default_factory=dict, description='File column: table column; "" leaves it out.')
    types: dict[str, Kind] = Field(default_factory=dict, description="Kinds of a new table's columns.")
    on_conflict: Literal["fail", "skip", "update"] = "fail"
    key: list[str] = Field(default_factory=list, max_length=32, description="By default the primary key.")
    errors: int = Field(
        default=0, ge=0, le=MOST_ERRORS, description="Bad rows that may be left out; 0 = all or nothing."
    )
    file: FileIn = Field(default_factory=FileIn)

    def wish(self) -> ImportWish:
        given = self.file.model_dump()
        given["form"] = given.pop("format")
        file = FileWish(**given)
        return ImportWish(self.table, self.columns, self.types, self.on_conflict, self.key, self.errors, file)


class UploadOut(BaseModel):
    """An upload: `received` bytes of `size` are here; send the next part from there."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: str
    node: str | None = Field(description="Whose disk its file is on.")
    name: str
    size: int
    received: int
    sha256: str | None

    @classmethod
    def of(cls, upload: Upload) -> UploadOut:
        return cls(**vars(upload))


class ExportOut(BaseModel):
    """An export into a file. Its content is there until `expires_at`."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: str
    node: str | None = Field(description="Whose disk its file is on.")
    run_id: str | None
    name: str
    wish: dict[str, Any]
    bytes: int | None
    sha256: str | None
    error: dict[str, Any] | None
    finished_at: datetime | None

    @classmethod
    def of(cls, export: Export) -> ExportOut:
        return cls(**vars(export))


class ExportRunOut(BaseModel):
    """An export and the run that writes it."""

    export: ExportOut
    run: RunOut


class ImportOut(BaseModel):
    """An import; `result` says what was done: rows, updated, skipped, bad."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: str
    node: str | None = Field(description="Whose disk its file is on.")
    run_id: str | None
    upload_id: str
    wish: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Import) -> ImportOut:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class ImportRunOut(BaseModel):
    """An import and the run that does it."""

    import_: ImportOut = Field(serialization_alias="import")
    run: RunOut


class ColumnMapOut(BaseModel):
    """A column of the file: what it holds, and where it goes (null = nowhere)."""

    name: str
    kind: str
    column: str | None


class PreviewOut(BaseModel):
    """What the file is, and what an import would do with it. Nothing was written."""

    format: str
    compression: str
    dialect: dict[str, Any] | None
    sure: bool
    table: str | None
    new_table: bool
    columns: list[ColumnMapOut]
    unfilled: list[str] = Field(description="Columns of the table that must have a value and would get none.")
    notes: list[str] = Field(description="What of the file's values is not kept.")
    rows: list[list[Any]]

    @classmethod
    def of(cls, preview: Preview) -> PreviewOut:
        table, mapping = preview.table, preview.mapping
        goes = dict(mapping.pairs) if mapping else {}
        columns = [
            ColumnMapOut(name=name, kind=kind, column=goes.get(index))
            for index, (name, kind) in enumerate(zip(table.names, table.kinds, strict=True) if table else ())
        ]
        return cls(
            format=preview.form,
            compression=preview.squeeze,
            dialect=vars(table.dialect) if table and table.dialect else None,
            sure=table.sure if table else True,
            table=preview.relation,
            new_table=preview.new,
            columns=columns,
            unfilled=list(mapping.unfilled) if mapping else [],
            notes=list(table.notes) if table else [],
            rows=[encode_row(row) for row in preview.sample],
        )

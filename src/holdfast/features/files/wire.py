"""Downloads on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from holdfast.features.files.links import MOST_LIFE, Made
from holdfast.features.files.model import Asked, Download, Lives
from holdfast.formats.plain.packing import Packing
from holdfast.vault.plain.wish import MOST_RECIPIENTS, FileWish, Form, Sealing
from holdfast.web.wire import In

MOST_MEMBERS = 100
Recipient = Annotated[str, Field(min_length=1, max_length=20_000)]


class DownloadIn(In):
    """One file out of a snapshot. Without `encryption` it is not encrypted, where the project allows that unsaid."""

    format: Form = Field(
        default="native",
        description="native: what the engine's own tools open; tar: every entry, with a RESTORE.md; stored: as it lies "
        "in a plain-file repository.",
    )
    compression: Packing | None = Field(default=None, description="gzip when not said; a stored file has its own.")
    level: int | None = Field(default=None, ge=1, le=19, description="gzip and bzip2 1-9, zstd 1-19.")
    encryption: Sealing | None = Field(default=None, description='"none" says that plain text is meant.')
    recipients: list[Recipient] = Field(
        default_factory=list, max_length=MOST_RECIPIENTS, description="age1... keys, or armored OpenPGP public keys."
    )
    passphrase: SecretStr | None = Field(default=None, description="For age, gpg and aes256.")
    seconds: int | None = Field(default=None, ge=1, description="How long the link lives; the operator sets the most.")
    once: bool = Field(default=False, description="The first download uses the link up.")

    def wish(self) -> FileWish:
        return FileWish(
            form=self.format,
            packing=self.compression or ("none" if self.format == "stored" else "gzip"),
            level=self.level,
            sealing=self.encryption or "none",
            recipients=tuple(each.strip() for each in self.recipients),
            passphrase=self.passphrase.get_secret_value() if self.passphrase else None,
        )


class DownloadsIn(DownloadIn):
    """The files of several snapshots of one project as one zip, each packed and encrypted as is said here."""

    snapshot_ids: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=MOST_MEMBERS)


class LinkLife(In):
    """How long links live that are made from now on: when nobody says, and at most."""

    default_seconds: int = Field(ge=1, le=MOST_LIFE)
    most_seconds: int = Field(ge=1, le=MOST_LIFE)

    @classmethod
    def of(cls, lives: Lives) -> LinkLife:
        return cls(default_seconds=min(lives.default, lives.most), most_seconds=lives.most)


class DownloadOut(BaseModel):
    """A signed link. `ranges`: whether a download that broke off can go on (`size` and `etag` are known then)."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    snapshot_id: str = Field(description="Empty for a zip; so are environment and database that differ in it.")
    snapshot_ids: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: str = Field(description="open, used or revoked; an open one may have expired.")
    once: bool
    name: str
    format: str
    compression: str
    level: int | None
    encryption: str
    ranges: bool
    size: int | None
    etag: str | None
    uses: int
    used_at: datetime | None

    @classmethod
    def of(cls, download: Download) -> DownloadOut:
        wish = FileWish.of(download.wish)
        return cls(
            **{name: getattr(download, name) for name in _SAME},
            format=wish.form,
            compression=wish.packing,
            level=wish.level,
            encryption=wish.sealing,
            ranges=wish.seekable and download.members is None,
        )


_SAME = (
    "id", "project_id", "environment_id", "resource_id", "snapshot_id", "snapshot_ids", "created_by", "created_at",
    "expires_at", "state", "once", "name", "size", "etag", "uses", "used_at",
)  # fmt: skip


class DownloadMadeOut(BaseModel):
    """`url` is the signature, shown once: null when the same request is answered again. `restore_md` says how to open
    the file with stock tools."""

    download: DownloadOut
    url: str | None = Field(description="Below this server's address; whoever has it may read the file.")
    restore_md: str

    @classmethod
    def of(cls, made: Made, *, signed: bool = True) -> DownloadMadeOut:
        url = f"/api/v1{made.path}" if signed else None
        return cls(download=DownloadOut.of(made.download), url=url, restore_md=made.guide)


class FilePolicy(In):
    """What a project asks of files that leave it: optional; asked (plain text must be said); required."""

    encryption: Asked

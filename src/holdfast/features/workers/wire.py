"""What workers, versions and deployments look like over HTTP."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from holdfast.features.workers.deploying import Wish
from holdfast.features.workers.diffing import Difference
from holdfast.features.workers.model import Deployment, Share, Version, WantedWorker, Worker
from holdfast.features.workers.settings import SettingsIn, settings_of
from holdfast.features.workers.versions import Upload
from holdfast.kernel.errors import Invalid
from holdfast.web.wire import In

Name = Annotated[str, Field(min_length=1, max_length=63, examples=["shop-api"])]
Tag = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", examples=["v1.4"])]


class WorkerIn(In):
    """A worker takes no requests before a version is deployed."""

    environment_id: str = Field(max_length=40)
    name: Name
    slug: str | None = Field(
        default=None, max_length=63, description="Its host below the apps domain; made of the name when not said."
    )
    description: str = Field(default="", max_length=2000)
    colour: str | None = Field(default=None, max_length=20)
    labels: dict[str, str] = Field(default_factory=dict)
    settings: SettingsIn = Field(default_factory=SettingsIn)
    enabled: bool = True

    def wanted(self) -> WantedWorker:
        return WantedWorker(**self.model_dump(mode="json"))


class WorkerPatch(In):
    """Only what is given changes; `settings` are taken whole."""

    name: Name | None = None
    description: str | None = Field(default=None, max_length=2000)
    colour: str | None = Field(default=None, max_length=20)
    labels: dict[str, str] | None = None
    settings: SettingsIn | None = None
    enabled: bool | None = None

    def changes(self) -> dict[str, Any]:
        given = self.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "colour"}


class WorkerOut(BaseModel):
    """A worker. `slug` is its host below the apps domain."""

    id: str
    project_id: str
    environment_id: str
    name: str
    slug: str
    description: str
    colour: str | None
    labels: dict[str, str]
    settings: SettingsIn
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_after: datetime | None

    @classmethod
    def of(cls, worker: Worker) -> WorkerOut:
        return cls(**{**vars(worker), "settings": settings_of(worker.settings)})


class FileIn(In):
    """One file, as text or as base64."""

    text: str | None = Field(default=None, max_length=4 << 20)
    base64: str | None = Field(default=None, max_length=6 << 20)

    def content(self, path: str) -> bytes:
        if (self.text is None) == (self.base64 is None):
            raise _bad_file(path, "either text or base64")
        if self.text is not None:
            return self.text.encode()
        try:
            return base64.b64decode(self.base64 or "", validate=True)
        except (binascii.Error, ValueError):
            raise _bad_file(path, "is not base64") from None


class VersionIn(In):
    """A version as files by path. Without `config` the wrangler file among them counts."""

    files: dict[str, FileIn] = Field(max_length=2000)
    base_version_id: str | None = Field(
        default=None, max_length=40, description="A version of this worker whose files these change."
    )
    removed: list[str] = Field(default_factory=list, max_length=2000, description="Files of the base to leave out.")
    config: dict[str, Any] | None = Field(default=None, description="A wrangler file's content.")
    environment: str | None = Field(default=None, max_length=63, description="`env.NAME` of the wrangler file.")
    tag: Tag | None = None
    message: str = Field(default="", max_length=2000)

    def upload(self) -> Upload:
        files = {path: each.content(path) for path, each in self.files.items()}
        said = (self.tag, self.message, self.config, self.environment)
        return Upload(files, *said, base=self.base_version_id, removed=self.removed)


class VersionFileOut(BaseModel):
    path: str
    size: int
    sha256: str


class VersionOut(BaseModel):
    """A version: its code never changes. `config` is its wrangler file as it was understood."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    number: int
    tag: str | None
    message: str
    state: Literal["building", "ready", "failed"]
    error: dict[str, Any] | None
    run_id: str | None = Field(description="The run that installs its packages.")
    digest: str
    size: int
    main: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, version: Version) -> Self:
        return cls.model_validate({**vars(version), "main": version.config["main"]})


class VersionWholeOut(VersionOut):
    """With its files and its configuration."""

    files: list[VersionFileOut]
    config: dict[str, Any]


class VersionTagIn(In):
    tag: Tag | None = Field(description="A word to ask for it by; null takes it away.")


class ShareIn(In):
    id: str = Field(max_length=40, description="The version.")
    weight: int = Field(ge=0, le=100, description="Per cent. 0: only by `holdfast-version`.")


class DeploymentIn(In):
    """Either `version_id` for all requests, or `versions` that share them out."""

    version_id: str | None = Field(default=None, max_length=40)
    versions: list[ShareIn] = Field(default_factory=list, max_length=10)
    message: str = Field(default="", max_length=2000)
    create_missing: bool = Field(default=False, description="Make namespaces and databases that are not there.")
    accept_findings: bool = Field(default=False, description="Deploy although its file says what is not acted on.")

    skip_check: bool = Field(default=False, description="Deploy although a version was not seen to start.")

    def wish(self) -> Wish:
        shares = [Share(each.id, each.weight) for each in self.versions]
        if self.version_id is not None:
            shares.insert(0, Share(self.version_id, 100))
        return Wish(shares, self.message, self.create_missing, self.accept_findings, self.skip_check)


class RollbackIn(In):
    version_id: str | None = Field(default=None, max_length=40, description="Without: what was deployed before.")
    message: str = Field(default="", max_length=2000)


class BindingOut(BaseModel):
    """A name in the code's `env` and what it is bound to."""

    name: str
    kind: str
    target: dict[str, Any]


class ShareOut(BaseModel):
    version_id: str
    number: int
    tag: str | None
    weight: int
    bindings: list[BindingOut]


class DeploymentOut(BaseModel):
    """What took the requests from `created_at` on; the newest counts."""

    id: str
    worker_id: str
    number: int
    trigger: Literal["deploy", "rollback"]
    versions: list[ShareOut]
    message: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, deployment: Deployment) -> DeploymentOut:
        return cls(**vars(deployment))


class FileChangeOut(BaseModel):
    """`lines` is a unified diff; null for what is no text or too long."""

    path: str
    change: Literal["added", "removed", "changed"]
    lines: list[str] | None


class ConfigChangeOut(BaseModel):
    before: Any
    after: Any


class DiffOut(BaseModel):
    """What `after` changes against `before`; null for the first version."""

    before: str | None
    after: str
    files: list[FileChangeOut]
    config: dict[str, ConfigChangeOut]

    @classmethod
    def of(cls, found: Difference) -> DiffOut:
        return cls(
            before=found.before.id if found.before else None,
            after=found.after.id,
            files=[FileChangeOut(**vars(each) | {"lines": each.lines and list(each.lines)}) for each in found.files],
            config={name: ConfigChangeOut(**each) for name, each in found.config.items()},
        )


def _bad_file(path: str, why: str) -> Invalid:
    return Invalid(
        f"{path[:200]!r}: {why}",
        code="file_invalid",
        details={"fields": [{"field": f"files.{path[:200]}", "message": why}]},
    )

"""/api/v1/system/master-key and /api/v1/system/recovery-kit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field, SecretStr

from holdfast.features.access.http import CurrentActor
from holdfast.features.secrets.kit_service import KitService, KitState
from holdfast.features.secrets.master_service import MasterKeyService
from holdfast.features.secrets.model import KitRecord
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["system"])
Master = Annotated[MasterKeyService, Depends(part(MasterKeyService))]
Kits = Annotated[KitService, Depends(part(KitService))]
Recipient = Annotated[str, Field(min_length=8, max_length=4096)]


class RotateIn(In):
    data_keys: bool = Field(
        default=False, description="Also new data keys, everything sealed anew: when someone saw the key."
    )


class KitIn(In):
    """Recipients or a passphrase, one of the two."""

    recipients: list[Recipient] = Field(
        default=[], max_length=20, description="age1..., age1pq1..., age1tagpq1... or ssh public keys."
    )
    passphrase: SecretStr | None = Field(default=None, max_length=1024, description="At least 16 characters.")


class MasterKeyOut(BaseModel):
    """Which master key is in use and where it is kept; never the key."""

    id: str
    where: str
    retiring: list[str] = Field(description="Keys of a rotation that has not ended.")
    data_keys: int = Field(description="How many keys it wraps.")


class RotatedOut(BaseModel):
    id: str
    before: list[str] = Field(description="Keys that nothing needs any more.")
    rewrapped: int
    leftover: bool = Field(description="true = take `before` out of the variable by hand.")
    data_keys: int
    resealed: int


class KitRecordOut(BaseModel):
    id: str
    made_at: datetime
    made_by: str
    master_key_id: str
    repositories: list[str]
    recipients: list[str] = Field(description="Their kinds.")

    @classmethod
    def of(cls, record: KitRecord) -> KitRecordOut:
        return cls(**vars(record))


class KitStateOut(BaseModel):
    """Whether the newest kit would help today."""

    ok: bool
    why: list[str] = Field(description="What it lacks; empty when it would.")
    installation: str | None
    master_key_id: str
    repositories: list[str]
    newest: KitRecordOut | None

    @classmethod
    def of(cls, state: KitState) -> KitStateOut:
        newest = KitRecordOut.of(state.newest) if state.newest else None
        return cls(
            ok=not state.why,
            why=list(state.why),
            installation=state.installation,
            master_key_id=state.master_key_id,
            repositories=list(state.repositories),
            newest=newest,
        )


class KitOut(KitRecordOut):
    """`file` is an armored age file: keep it away from this server."""

    file: str


@router.get(
    "/system/master-key", operation_id="master_key_read", summary="Which master key", responses=answers(403, 503)
)
def read(actor: CurrentActor, master: Master) -> MasterKeyOut:
    """Its id, which is no secret, and where it is kept."""
    return MasterKeyOut(**vars(master.state(actor)))


@router.post(
    "/system/master-key/rotate",
    operation_id="master_key_rotate",
    summary="Rotate the master key",
    responses=answers(403, 503),
)
def rotate(actor: CurrentActor, master: Master, body: RotateIn | None = None) -> RotatedOut:
    """A new key, and every data key wrapped anew while everything goes on. Answers when it is done.

    Cut off, it goes on at the next start or the next call. Recovery kits made before are stale afterwards.
    """
    return RotatedOut(**vars(master.rotate(actor, with_data_keys=body is not None and body.data_keys)))


@router.get(
    "/system/recovery-kit",
    operation_id="recovery_kit_read",
    summary="Whether there is a recovery kit",
    responses=answers(403),
)
def kit_state(actor: CurrentActor, kits: Kits) -> KitStateOut:
    """When the newest was made, and whether a rotation or a repository came after it."""
    return KitStateOut.of(kits.state(actor))


@router.post(
    "/system/recovery-kit",
    operation_id="recovery_kit_create",
    summary="Make a recovery kit",
    responses=answers(403, 503),
    status_code=201,
)
def create(body: KitIn, actor: CurrentActor, kits: Kits) -> KitOut:
    """One file that recovers everything: master key, repository passwords and paths, and how to use them.

    Encrypted to the recipients, or with the passphrase, and kept nowhere here.
    """
    passphrase = body.passphrase.get_secret_value() if body.passphrase else None
    file, record = kits.create(actor, body.recipients, passphrase)
    return KitOut(**vars(record), file=file.decode())

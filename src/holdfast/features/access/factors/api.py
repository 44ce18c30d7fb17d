"""/api/v1/account: one's own second factors; and the rule who must have one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from holdfast.features.access.factors.model import Held, Passkey, Policy
from holdfast.features.access.factors.service import FactorsService
from holdfast.features.access.factors.wire import AttestationCredential, Code, Flow, OptionsOut
from holdfast.features.access.http import CurrentActor, site_of
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["second factors"])
Service = Annotated[FactorsService, Depends(part(FactorsService))]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["laptop"])]


class FactorsOut(BaseModel):
    """What an account has. `required`: without a factor its sessions may only get one."""

    totp: bool
    totp_pending: bool
    recovery_codes_left: int
    passkeys: int
    required: bool

    @classmethod
    def of(cls, held: Held) -> FactorsOut:
        return cls(**vars(held))


class TotpOut(BaseModel):
    """Shown this once."""

    secret: str = Field(description="Base32, for typing.")
    uri: str = Field(description="otpauth://, for a QR code.")
    expires_at: datetime = Field(description="Until then a code has to prove it.")


class CodeIn(In):
    code: Code


class CodesOut(BaseModel):
    recovery_codes: list[str] = Field(description="Shown this once; empty when there were some already.")


class PasskeyIn(In):
    flow: Flow
    name: Name = "passkey"
    credential: AttestationCredential


class RenameIn(In):
    name: Name


class PasskeyOut(BaseModel):
    id: str
    name: str
    rp_id: str = Field(description="The host name it works at.")
    backed_up: bool = Field(description="Whether its owner's other devices have it too.")
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: Passkey) -> PasskeyOut:
        return cls(**{name: getattr(key, name) for name in cls.model_fields})


class NewPasskeyOut(BaseModel):
    passkey: PasskeyOut
    recovery_codes: list[str] = Field(description="Shown this once; empty when there were some already.")


class PasskeysOut(BaseModel):
    passkeys: list[PasskeyOut]


class PolicyIn(In):
    """Who must have a second factor: everyone, or those with one of these roles in the installation."""

    everyone: bool = False
    roles: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(default_factory=list, max_length=50)


class PolicyOut(BaseModel):
    everyone: bool
    roles: list[str]

    @classmethod
    def of(cls, policy: Policy) -> PolicyOut:
        return cls(everyone=policy.everyone, roles=list(policy.roles))


@router.get(
    "/account/factors",
    operation_id="factor_read",
    summary="My second factors",
    description="What there is and how many recovery codes are left; never a secret.",
    responses=answers(409),
)
def own(actor: CurrentActor, factors: Service) -> FactorsOut:
    return FactorsOut.of(factors.own(actor))


@router.get(
    "/users/{user_id}/factors",
    operation_id="user_read_factors",
    summary="Someone's second factors",
    description="What there is, not which. Whoever lost theirs is reset: POST /users/{user_id}/reset.",
    responses=answers(403, 404),
)
def of(user_id: str, actor: CurrentActor, factors: Service) -> FactorsOut:
    return FactorsOut.of(factors.of(actor, user_id))


@router.post(
    "/account/totp",
    operation_id="totp_begin",
    summary="Begin with an authenticator app",
    description="A new secret, shown once. It counts once /account/totp/confirm proved it. Needs the password again.",
    responses=answers(403, 409),
    status_code=201,
)
def begin_totp(actor: CurrentActor, factors: Service, request: Request) -> TotpOut:
    begun = factors.begin_totp(actor, f"Holdfast {request.url.hostname or ''}".strip().replace(":", "."))
    return TotpOut(**vars(begun))


@router.post(
    "/account/totp/confirm",
    operation_id="totp_confirm",
    summary="Prove the app by its first code",
    description="From now on signing in asks for a code. Answers ten recovery codes when there are none.",
    responses=answers(403, 409, 429),
)
def confirm_totp(body: CodeIn, actor: CurrentActor, factors: Service) -> CodesOut:
    return CodesOut(recovery_codes=factors.confirm_totp(actor, body.code.get_secret_value()))


@router.delete(
    "/account/totp",
    operation_id="totp_delete",
    summary="Remove the authenticator app",
    description="With the last factor go the recovery codes. Needs the password again.",
    responses=answers(403, 409),
    status_code=204,
)
def remove_totp(actor: CurrentActor, factors: Service) -> None:
    factors.remove_totp(actor)


@router.post(
    "/account/recovery-codes",
    operation_id="recovery_code_create",
    summary="Make ten new recovery codes",
    description="Shown once; the earlier ones are dead. Needs the password again.",
    responses=answers(403, 409),
    status_code=201,
)
def new_codes(actor: CurrentActor, factors: Service) -> CodesOut:
    return CodesOut(recovery_codes=factors.new_codes(actor))


@router.post(
    "/account/passkeys/options",
    operation_id="passkey_options",
    summary="Begin to add a passkey",
    description="For navigator.credentials.create, in this session, once, within 5 minutes. Needs the password again.",
    responses=answers(403, 409),
)
def passkey_options(actor: CurrentActor, factors: Service, request: Request) -> OptionsOut:
    made, options = factors.passkey_options(actor, site_of(request))
    return OptionsOut(flow=made.flow, options=options)


@router.post(
    "/account/passkeys",
    operation_id="passkey_create",
    summary="Add a passkey",
    description="With what the browser answered. Recovery codes come with the first factor. Needs the password again.",
    responses=answers(403, 409, 413),
    status_code=201,
)
def add_passkey(body: PasskeyIn, actor: CurrentActor, factors: Service, request: Request) -> NewPasskeyOut:
    answer = body.credential.model_dump(exclude_none=True)
    made, codes = factors.add_passkey(actor, body.name, body.flow.get_secret_value(), answer, site_of(request))
    return NewPasskeyOut(passkey=PasskeyOut.of(made), recovery_codes=codes)


@router.get(
    "/account/passkeys",
    operation_id="passkey_list",
    summary="My passkeys",
    description="At most twenty, oldest first.",
    responses=answers(409),
)
def list_passkeys(actor: CurrentActor, factors: Service) -> PasskeysOut:
    return PasskeysOut(passkeys=[PasskeyOut.of(key) for key in factors.passkeys(actor)])


@router.patch(
    "/account/passkeys/{passkey_id}",
    operation_id="passkey_update",
    summary="Rename a passkey",
    description="One's own. Needs the password again.",
    responses=answers(403, 404, 409),
)
def rename_passkey(passkey_id: str, body: RenameIn, actor: CurrentActor, factors: Service) -> PasskeyOut:
    return PasskeyOut.of(factors.rename_passkey(actor, passkey_id, body.name))


@router.delete(
    "/account/passkeys/{passkey_id}",
    operation_id="passkey_delete",
    summary="Remove a passkey",
    description="One's own. With the last factor go the recovery codes. Needs the password again.",
    responses=answers(403, 404, 409),
    status_code=204,
)
def remove_passkey(passkey_id: str, actor: CurrentActor, factors: Service) -> None:
    factors.remove_passkey(actor, passkey_id)


@router.get(
    "/system/second-factor",
    operation_id="second_factor_policy_read",
    summary="Who must have a second factor",
    description="Nobody, until someone says so.",
    responses=answers(403),
)
def policy(actor: CurrentActor, factors: Service) -> PolicyOut:
    return PolicyOut.of(factors.policy(actor))


@router.put(
    "/system/second-factor",
    operation_id="second_factor_policy_update",
    summary="Say who must have a second factor",
    description="Counts at once: sessions of accounts that lack one may only get one. Needs the password again.",
    responses=answers(403),
)
def change_policy(body: PolicyIn, actor: CurrentActor, factors: Service) -> PolicyOut:
    return PolicyOut.of(factors.change_policy(actor, Policy(body.everyone, tuple(dict.fromkeys(body.roles)))))

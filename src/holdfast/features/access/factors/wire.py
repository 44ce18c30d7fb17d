"""What is given besides a password, on the wire; passkeys as `PublicKeyCredential.toJSON()` of WebAuthn level 3."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from holdfast.features.access.factors.model import Assertion, Second, Site
from holdfast.web.wire import In

_B64 = r"^[A-Za-z0-9_-]*$"
Binary = Annotated[str, Field(max_length=8192, pattern=_B64, description="base64url")]
CredentialId = Annotated[str, Field(min_length=1, max_length=1400, pattern=_B64, description="base64url")]
Flow = Annotated[SecretStr, Field(max_length=100, description="From the answer that held the options.")]
Code = Annotated[SecretStr, Field(max_length=40, description="Six digits from the app, or a recovery code.")]


class FromBrowser(BaseModel):
    """Browsers add fields of their own: unknown ones are ignored."""

    model_config = ConfigDict(extra="ignore")


class AssertionResponse(FromBrowser):
    clientDataJSON: Binary  # noqa: N815 - the protocol's name
    authenticatorData: Binary  # noqa: N815
    signature: Binary
    userHandle: Binary | None = None  # noqa: N815


class AssertionCredential(FromBrowser):
    """What `navigator.credentials.get` answered."""

    id: CredentialId
    rawId: CredentialId  # noqa: N815
    type: str = Field(max_length=20)
    response: AssertionResponse


class AttestationResponse(FromBrowser):
    clientDataJSON: Binary  # noqa: N815
    attestationObject: Annotated[str, Field(max_length=65536, pattern=_B64)]  # noqa: N815
    transports: list[Annotated[str, Field(max_length=20)]] = Field(default_factory=list, max_length=10)


class AttestationCredential(FromBrowser):
    """What `navigator.credentials.create` answered."""

    id: CredentialId
    rawId: CredentialId  # noqa: N815
    type: str = Field(max_length=20)
    response: AttestationResponse


class PasskeyIn(In):
    """The answer to a challenge, with the flow it is for."""

    flow: Flow
    credential: AssertionCredential

    def assertion(self, site: Site | None) -> Assertion:
        return Assertion(self.flow.get_secret_value(), self.credential.model_dump(exclude_none=True), site)


class OptionsOut(BaseModel):
    flow: str = Field(description="Send it back with the answer, once, within five minutes.")
    options: dict[str, Any] = Field(description="For navigator.credentials, its binary members as base64url.")


def second_of(code: SecretStr | None, passkey: PasskeyIn | None, site: Site | None) -> Second:
    return Second(code.get_secret_value() if code else None, passkey.assertion(site) if passkey else None, site)

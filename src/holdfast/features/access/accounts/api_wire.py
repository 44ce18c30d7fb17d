"""What several of this part's routes have in common on the wire."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import Field, SecretStr

from holdfast.features.access.accounts.passwords import MAX
from holdfast.web.guards import PEER_UID

Token = Annotated[SecretStr, Field(max_length=200, description="What follows the `=` in the link.")]
Password = Annotated[SecretStr, Field(max_length=MAX)]
NewPassword = Annotated[SecretStr, Field(max_length=MAX, description="At least 12 characters.")]
Name = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["Ada Lovelace"])]
Url = Annotated[
    str | None,
    Field(
        max_length=300,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$",
        description="What the link begins with, when that is not where this request came to.",
    ),
]
RoleName = Annotated[str, Field(min_length=1, max_length=40, examples=["developer"])]


def origin_of(request: Request) -> str | None:
    """What links they hand on begin with; None on admin.sock. The Host was checked against the list before."""
    if PEER_UID in request.scope:
        return None
    return f"{request.url.scheme}://{request.url.netloc}"

"""What the bodies of all routes have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]
"""RFC 3339, or a day or time without a zone, which is UTC's."""


class In(BaseModel):
    """A body. A field nobody knows is refused: left out in silence, a misspelt limit would be no limit."""

    model_config = ConfigDict(extra="forbid")


class Confirm(In):
    """What a destructive call needs: the name of what goes, typed."""

    confirm: str = Field(max_length=200, description="The name, typed.")

"""What the bodies of all routes have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """A body. A field nobody knows is refused: left out in silence, a misspelt limit would be no limit."""

    model_config = ConfigDict(extra="forbid")


class Confirm(In):
    """What a destructive call needs: the name of what goes, typed."""

    confirm: str = Field(max_length=200, description="The name, typed.")

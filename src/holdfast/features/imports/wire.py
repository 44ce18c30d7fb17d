"""Imports of dumps on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from holdfast.features.backups.wire import Level
from holdfast.features.imports.opening import Keys
from holdfast.features.imports.service import ImportWish
from holdfast.web.wire import In


class SnapshotImportIn(In):
    """From a complete upload of this database. What the file is, is told from its first bytes."""

    upload_id: str = Field(max_length=64)
    repository_id: str | None = Field(default=None, max_length=64)
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=50)
    level: Level | None = None
    passphrase: SecretStr | None = Field(
        default=None, max_length=1000, description="Of a file encrypted by age, gpg or aes256; kept until it is loaded."
    )
    identities: SecretStr | None = Field(
        default=None,
        max_length=20_000,
        description="The text of an age identity file, for a file sealed to its recipient.",
    )

    def wish(self) -> ImportWish:
        keys = Keys(
            self.passphrase.get_secret_value() if self.passphrase else None,
            self.identities.get_secret_value() if self.identities else None,
        )
        return ImportWish(self.upload_id, self.repository_id, self.tags, self.level, keys)

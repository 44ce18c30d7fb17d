"""What a file is to be: its form, how it is packed, to whom it is sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.formats.plain import age_stream
from holdfast.formats.plain.packing import METHODS, Packing, checked_level
from holdfast.kernel.errors import Invalid

Sealing = Literal["none", "age", "gpg", "aes256"]
Form = Literal["native", "tar", "stored"]
SUFFIX: dict[Sealing, str] = {"none": "", "age": ".age", "gpg": ".gpg", "aes256": ".aes"}
SHORTEST_PASSPHRASE = 8
MOST_RECIPIENTS = 20


@dataclass(frozen=True)
class FileWish:
    """`form` "native": what the engine's own tools open; "tar": every entry, with a RESTORE.md; "stored": the file as
    it lies in a plain-file repository. `passphrase` is never written with the rest."""

    form: Form = "native"
    packing: Packing = "gzip"
    level: int | None = None
    sealing: Sealing = "none"
    recipients: tuple[str, ...] = ()
    passphrase: str | None = None

    def __repr__(self) -> str:
        return f"FileWish({self.form}, {self.packing}, {self.sealing})"

    def check(self) -> None:
        """Raises Invalid (code "level_invalid" | "recipient_invalid" | "passphrase_invalid")."""
        checked_level(self.packing, self.level)
        if self.form == "stored" and (self.packing != "none" or self.sealing != "none"):
            raise Invalid("a stored file goes as it lies: not packed or encrypted anew", code="stored_as_it_lies")
        if self.sealing == "none":
            if self.recipients or self.passphrase is not None:
                raise Invalid("encryption is none, and yet there is a key", code="recipient_invalid")
            return
        if self.passphrase is not None and self.recipients:
            raise Invalid("a recipient or a passphrase, not both", code="recipient_invalid")
        if self.passphrase is None and not self.recipients:
            raise Invalid(f"encryption {self.sealing} needs a recipient or a passphrase", code="recipient_invalid")
        if self.passphrase is not None:
            _check_passphrase(self.passphrase)
        else:
            _check_recipients(self.sealing, self.recipients)

    @property
    def extension(self) -> str:
        """What follows the form's own extension."""
        return METHODS[self.packing].suffix + SUFFIX[self.sealing]

    @property
    def same_bytes(self) -> bool:
        """Whether it is the same file each time: sealing takes fresh keys."""
        return self.sealing == "none"

    @property
    def seekable(self) -> bool:
        """Whether bytes from the middle can be made without those before them."""
        return self.sealing == "none" and self.packing == "none"

    def as_json(self) -> dict[str, Any]:
        return {
            "form": self.form,
            "compression": self.packing,
            "level": self.level,
            "encryption": self.sealing,
            "recipients": list(self.recipients),
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any], passphrase: str | None = None) -> FileWish:
        return cls(
            form=kept["form"],
            packing=kept["compression"],
            level=kept["level"],
            sealing=kept["encryption"],
            recipients=tuple(kept["recipients"]),
            passphrase=passphrase,
        )


def _check_passphrase(text: str) -> None:
    """One line: tools read it from a file or a variable, and stop at its end."""
    if len(text) < SHORTEST_PASSPHRASE or len(text) > 1000 or not text.isprintable():
        raise Invalid(f"a passphrase has {SHORTEST_PASSPHRASE} to 1000 printable characters", code="passphrase_invalid")


def _check_recipients(sealing: Sealing, recipients: Sequence[str]) -> None:
    if len(recipients) > MOST_RECIPIENTS:
        raise Invalid(f"at most {MOST_RECIPIENTS} recipients", code="recipient_invalid")
    if sealing == "aes256":
        raise Invalid("aes256 takes a passphrase, no recipients", code="recipient_invalid")
    if sealing == "age":
        try:
            age_stream.check_recipients(recipients)
        except ValueError as error:
            raise Invalid(str(error), code="recipient_invalid") from None
    elif not all(each.lstrip().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----") for each in recipients):
        raise Invalid("a gpg recipient is an armored public key (gpg --armor --export)", code="recipient_invalid")

"""How a plain-file repository writes its files: kept with the repository, and with each snapshot as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from holdfast.formats.plain import age_stream
from holdfast.formats.plain.packing import METHODS, Packing, checked_level
from holdfast.kernel.errors import Invalid
from holdfast.vault.options import Level
from holdfast.vault.plain.naming import DEFAULT, check_template
from holdfast.vault.plain.wish import MOST_RECIPIENTS, FileWish, Sealing

Form = Literal["native", "tar"]
FAST, SMALL = "fast", "small"


@dataclass(frozen=True)
class FileSettings:
    """`recipients`: age recipients who can open the files too, beside the repository's own identity. gpg and aes256 are
    sealed with the repository's own passphrase."""

    form: Form = "native"
    compression: Packing = "gzip"
    level: int | None = None
    encryption: Sealing = "none"
    recipients: tuple[str, ...] = ()
    template: str = DEFAULT

    def check(self) -> None:
        """Raises Invalid (codes "level_invalid", "recipient_invalid", "template_invalid")."""
        checked_level(self.compression, self.level)
        check_template(self.template)
        if not self.recipients:
            return
        if self.encryption != "age":
            raise Invalid("only age files are sealed to recipients", code="recipient_invalid")
        if len(self.recipients) > MOST_RECIPIENTS:
            raise Invalid(f"at most {MOST_RECIPIENTS} recipients", code="recipient_invalid")
        try:  # beside an identity of our own, which is not post-quantum
            age_stream.check_recipients((*self.recipients, age_stream.recipient_of(age_stream.new_identity())))
        except ValueError as error:
            raise Invalid(str(error), code="recipient_invalid") from None

    def at(self, level: Level) -> FileSettings:
        """For one snapshot that asks for a level of its own: off, fast, max; default is the repository's."""
        if level == "default" or self.compression == "none":
            return self
        if level == "off":
            return replace(self, compression="none", level=None)
        return replace(self, level=level_of(self.compression, FAST if level == "fast" else SMALL))

    def wish(self, key: str | None) -> FileWish:
        """`key`: the repository's own, when it is encrypted."""
        base = FileWish(form=self.form, packing=self.compression, level=self.level, sealing=self.encryption)
        if self.encryption == "none":
            return base
        assert key is not None  # noqa: S101 - the caller's: plain text must never be written in its place
        if self.encryption == "age":
            return replace(base, recipients=(*self.recipients, age_stream.recipient_of(key)))
        return replace(base, passphrase=key)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"recipients": list(self.recipients)}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> FileSettings:
        """From what a row keeps; what is absent is the default."""
        known = {name: value for name, value in (kept or {}).items() if name in cls.__dataclass_fields__}
        return cls(**known | {"recipients": tuple(known.get("recipients", ()))})


def level_of(how: Packing, said: int | str | None) -> int | None:
    """A level by number or word ("fast", "small"). Raises Invalid."""
    if isinstance(said, str):
        if how == "none":
            raise Invalid("compression none has no level", code="level_invalid")
        if said not in (FAST, SMALL):
            raise Invalid(f"a level is a number, {FAST} or {SMALL}", code="level_invalid")
        return 1 if said == FAST else METHODS[how].most
    checked_level(how, said)
    return said

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
FILE_WORDS = ("compression", "file_level", "encryption", "recipients")
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

    def chosen(self, words: Mapping[str, Any]) -> FileSettings:
        """For one snapshot that says `compression`, `file_level`, `encryption` or `recipients` (beside the repository's
        own) itself; what it does not say is the repository's. Raises Invalid as `check` does, and code
        "encryption_key" where the repository has no key of that kind."""
        said = {name: words[name] for name in FILE_WORDS if words.get(name) is not None}
        if not said:
            return self
        if words.get("level", "default") != "default" and {"compression", "file_level"} & said.keys():
            raise Invalid("level, or compression with file_level: not both", code="level_invalid")
        compression = said.get("compression", self.compression)
        level = self.level if compression == self.compression else None
        if "file_level" in said:
            level = level_of(compression, said["file_level"])
        encryption = said.get("encryption", self.encryption)
        if encryption == "age" and self.encryption != "age":
            raise Invalid(
                f"this repository's key seals gpg and aes256, not age (its own is {self.encryption})",
                code="encryption_key",
                hint="Take gpg or aes256, or a repository made with --encryption age: its key seals all of them.",
            )
        own = self.recipients if encryption == "age" else ()
        recipients = tuple(dict.fromkeys((*own, *(each.strip() for each in said.get("recipients", ())))))
        made = replace(self, compression=compression, level=level, encryption=encryption, recipients=recipients)
        made.check()
        return made

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

"""How a plain-file repository writes its files: kept with the repository, and with each snapshot as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from holdfast.formats.plain import age_stream
from holdfast.formats.plain.packing import METHODS, Packing, checked_level
from holdfast.kernel.errors import Invalid
from holdfast.vault.options import Level
from holdfast.vault.plain.named import OWN, KeyChoice, Seal
from holdfast.vault.plain.naming import DEFAULT, check_template
from holdfast.vault.plain.wish import MOST_RECIPIENTS, FileWish, Sealing

Form = Literal["native", "tar"]
FILE_WORDS = ("compression", "file_level", "encryption", "recipients", "key")
FAST, SMALL = "fast", "small"


@dataclass(frozen=True)
class FileSettings:
    """`recipients`: age recipients who can open the files too, beside the repository's own identity. gpg and aes256 are
    sealed with the repository's own passphrase. `key`: a named key that seals them instead of the repository's own;
    of the standing recipients none opens what another key sealed."""

    form: Form = "native"
    compression: Packing = "gzip"
    level: int | None = None
    encryption: Sealing = "none"
    recipients: tuple[str, ...] = ()
    template: str = DEFAULT
    key: KeyChoice | None = None

    def check(self) -> None:
        """Raises Invalid (codes "level_invalid", "recipient_invalid", "template_invalid")."""
        checked_level(self.compression, self.level)
        check_template(self.template)
        self._check_key()
        if not self.recipients:
            return
        if self.encryption != "age" or (self.key is not None and not self.key.joins):
            raise Invalid("only age files to recipients are sealed to more of them", code="recipient_invalid")
        if len(self.recipients) > MOST_RECIPIENTS:
            raise Invalid(f"at most {MOST_RECIPIENTS} recipients", code="recipient_invalid")
        try:  # beside an identity of our own, which is not post-quantum
            age_stream.check_recipients((*self.recipients, age_stream.recipient_of(age_stream.new_identity())))
        except ValueError as error:
            raise Invalid(str(error), code="recipient_invalid") from None

    def _check_key(self) -> None:
        if self.key is not None and self.encryption not in self.key.takes:
            takes = ", ".join(self.key.takes)
            raise Invalid(
                f"the key {self.key.name!r} does not seal {self.encryption}",
                code="encryption_key",
                hint=f"It seals {takes}. For files in plain text take the repository's own: {OWN}.",
            )

    def chosen(self, words: Mapping[str, Any]) -> FileSettings:
        """For one snapshot that says `compression`, `file_level`, `encryption`, `recipients` (beside the repository's
        own) or `key` (a KeyChoice, or OWN) itself; what it does not say is the repository's. Raises Invalid as `check`
        does, and code "encryption_key" where the key does not seal like that."""
        said = {name: words[name] for name in FILE_WORDS if words.get(name) is not None}
        if not said:
            return self
        if words.get("level", "default") != "default" and {"compression", "file_level"} & said.keys():
            raise Invalid("level, or compression with file_level: not both", code="level_invalid")
        compression = said.get("compression", self.compression)
        level = self.level if compression == self.compression else None
        if "file_level" in said:
            level = level_of(compression, said["file_level"])
        key, encryption = self._sealed(said.get("key"), said.get("encryption"))
        own = self.recipients if encryption == "age" and key == self.key else ()
        recipients = tuple(dict.fromkeys((*own, *(each.strip() for each in said.get("recipients", ())))))
        made = replace(
            self, compression=compression, level=level, encryption=encryption, recipients=recipients, key=key
        )
        made.check()
        return made

    def _sealed(self, key: KeyChoice | str | None, said: Sealing | None) -> tuple[KeyChoice | None, Sealing]:
        """With which key and how. Naming a key asks for encryption: plain text is only ever asked for by its name."""
        if isinstance(key, KeyChoice):
            usual = self.encryption if self.encryption in key.takes else key.takes[0]
            return key, said or usual
        chosen = self.key if key is None and said != "none" else None
        encryption = said or self.encryption
        if chosen is None and encryption == "age" and self.encryption != "age":
            raise Invalid(
                f"this repository's key seals gpg and aes256, not age (its own is {self.encryption})",
                code="encryption_key",
                hint="Take gpg or aes256, a named key (holdfast file-key list), or a repository made with --encryption "
                "age: its key seals all of them.",
            )
        return chosen, encryption

    def at(self, level: Level) -> FileSettings:
        """For one snapshot that asks for a level of its own: off, fast, max; default is the repository's."""
        if level == "default" or self.compression == "none":
            return self
        if level == "off":
            return replace(self, compression="none", level=None)
        return replace(self, level=level_of(self.compression, FAST if level == "fast" else SMALL))

    def wish(self, seal: Seal | None) -> FileWish:
        """`seal`: what it is encrypted with, when it is."""
        base = FileWish(form=self.form, packing=self.compression, level=self.level, sealing=self.encryption)
        if self.encryption == "none":
            return base
        assert seal is not None  # noqa: S101 - the caller's: plain text must never be written in its place
        if seal.passphrase is not None:
            return replace(base, passphrase=seal.passphrase)
        return replace(base, recipients=tuple(dict.fromkeys((*self.recipients, *seal.recipients))))

    def as_json(self) -> dict[str, Any]:
        kept = asdict(self) | {"recipients": list(self.recipients)}
        del kept["key"]
        return kept | ({"key": self.key.as_json()} if self.key else {})

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> FileSettings:
        """From what a row keeps; what is absent is the default."""
        known = {name: value for name, value in (kept or {}).items() if name in cls.__dataclass_fields__}
        key = KeyChoice.of(known["key"]) if known.get("key") else None
        return cls(**known | {"recipients": tuple(known.get("recipients", ())), "key": key})


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

"""The lifecycle rules of a bucket (AWS: "PutBucketLifecycleConfiguration"): what they would do to a repository.

Rules are read from the text of the answer, and their texts are kept as they are: a rule that somebody else wrote is
never written anew from what was understood of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.kernel.errors import NeedsOperator
from holdfast.vault.stores.findings import Finding
from holdfast.vault.stores.questions import Answer

ASKS_FIRST = frozenset({"GLACIER", "DEEP_ARCHIVE"})  # nothing there is read before it was asked for hours ago
NO_RULES = "NoSuchLifecycleConfiguration"
OWN = "holdfast-"  # how the names of rules begin that Holdfast writes
_RULE = re.compile(r"<Rule>.*?</Rule>|<Rule\s*/>", re.S)
_BLOCK = r"<({0})(?:\s[^>]*)?>(.*?)</\1>"
_CLEAN = re.compile(r"[^\w .:/+-]")
_CHECK = "lifecycle"


@dataclass(frozen=True)
class Rule:
    """One rule as the store has it. `text`: byte for byte. `tagged`: only for objects with tags, which ours never have.
    `expires`: days or a date after which the current object is deleted; None = never. `moves`: classes that current
    objects go to. `least`: only objects larger than so many bytes."""

    text: str
    id: str
    enabled: bool
    prefix: str
    tagged: bool
    expires: str | None
    moves: tuple[str, ...]
    least: int

    @property
    def ours(self) -> bool:
        """Whether Holdfast wrote it: such a one leaves alone what has to be read at once."""
        return self.id.startswith(OWN) and self.least > 0

    @property
    def shown(self) -> str:
        """Its name, of which the store's words could be anything."""
        return _CLEAN.sub("?", self.id)[:64] or "without a name"

    def meets(self, prefix: str) -> bool:
        """Whether it is in force for some of the objects below `prefix`, which is "" or ends in a slash."""
        near = prefix.startswith(self.prefix) or self.prefix.startswith(prefix)
        return self.enabled and not self.tagged and near


def rules_of(answer: Answer) -> tuple[Rule, ...] | None:
    """None when they cannot be read: refused, or something that is no configuration of rules."""
    if answer.status == 404 and answer.code == NO_RULES:
        return ()
    if answer.status != 200:
        return None
    return parsed(answer.text)


def parsed(text: str) -> tuple[Rule, ...] | None:
    """None for a text that is not plainly rules: a comment, a section of raw text or an entity could hide one."""
    if "<!" in text or "<LifecycleConfiguration" not in text:
        return None
    found = tuple(_rule(each) for each in _RULE.findall(text))
    left = _RULE.sub("", text)
    return None if "Rule>" in left or ":Rule" in left else found


def _rule(text: str) -> Rule:
    expiry = _inside(text, "Expiration")
    filtered = _inside(text, "Filter") if "<Filter" in text else text
    return Rule(
        text,
        html.unescape(_inside(text, "ID") or ""),
        (_inside(text, "Status") or "").strip() != "Disabled",
        html.unescape(_inside(filtered or "", "Prefix") or ""),
        "<Tag>" in (filtered or ""),
        (_inside(expiry, "Days") or _inside(expiry, "Date")) if expiry else None,
        tuple(name for each in _blocks(text, "Transition") if (name := (_inside(each, "StorageClass") or "").strip())),
        _number(_inside(filtered or "", "ObjectSizeGreaterThan")),
    )


def _blocks(text: str, tag: str) -> list[str]:
    return [found[1] for found in re.findall(_BLOCK.format(tag), text, re.S)]


def _inside(text: str, tag: str) -> str | None:
    return next(iter(_blocks(text, tag)), None)


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().isdigit() else 0


def lifecycle(answer: Answer, prefix: str) -> list[Finding]:
    """What the bucket's rules would do to what lies below `prefix` (without a slash at its end)."""
    rules = rules_of(answer)
    if rules is None:
        hint = "Allow s3:GetLifecycleConfiguration to have them looked at: a rule that expires objects eats snapshots."
        return [Finding(_CHECK, "unknown", "the bucket's lifecycle rules are not shown to this key", hint)]
    ours = [rule for rule in rules if rule.meets(f"{prefix}/" if prefix else "")]
    found = [eats(f"rule {rule.shown!r}", rule.expires) for rule in ours if rule.expires is not None]
    found += [_hides(rule, name) for rule in ours for name in rule.moves if name in ASKS_FIRST and not rule.ours]
    return found or [Finding(_CHECK, "ok", "no lifecycle rule of the bucket deletes or archives pieces")]


def eats(rule: str, after: str) -> Finding:
    """The worst that a rule can do; for every kind of store."""
    when = f"{after} days after they were written" if after.isdigit() else f"from {_CLEAN.sub('?', after)[:40]} on"
    hint = (
        "Change it before the next snapshot: give it another prefix, or end it. Snapshots share pieces, so the newest "
        "snapshot is lost with the oldest piece. Let Holdfast's retention delete."
    )
    return Finding(_CHECK, "danger", f"the lifecycle {rule} deletes pieces of this repository {when}", hint)


def _hides(rule: Rule, name: str) -> Finding:
    hint = "Give it another prefix, or end it. What may move where: see the how-to on colder storage."
    text = f"the lifecycle rule {rule.shown!r} moves pieces of this repository to {name}, where they cannot be read"
    return Finding(_CHECK, "danger", text, hint)


def require_no_danger(rules: Sequence[Rule]) -> None:
    """Of rules that are about to be written: nothing deletes a current object. Raises NeedsOperator."""
    for rule in rules:
        if rule.expires is not None or "<Expiration" in rule.text:
            hint = "Retention deletes; a rule of the store only moves."
            raise NeedsOperator(f"the rule {rule.shown!r} would delete objects", code="lifecycle_expiry", hint=hint)

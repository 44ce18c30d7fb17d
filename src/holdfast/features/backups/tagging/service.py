"""What people ask of tags and rules. Each act is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.preparing import checked_tags
from holdfast.features.backups.tagging import store
from holdfast.features.backups.tagging.model import Conditions, Rule, Tag
from holdfast.features.backups.tagging.rules import added, narrowed
from holdfast.features.projects.scope import project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Invalid, LimitExceeded

MOST_TAGS = 500  # with a look, of a project
MOST_RULES = 100
LOOKED_AT = 500  # snapshots in one call


@dataclass(frozen=True)
class Look:
    """What a rule adds to some of a project's snapshots. `after`: the last one looked at, when there are more."""

    found: Sequence[tuple[Snapshot, Sequence[str]]]
    looked_at: int
    after: str | None


class TagsService:
    """Tags and rules are a project's: who reads or takes snapshots in all of it may see or change them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def tags(self, actor: Actor, project_id: str, *, after: str | None, limit: int) -> Sequence[Tag]:
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "snapshot.read")
            return store.tags(conn, project_id, after, limit)

    def put_tag(self, actor: Actor, project_id: str, name: str, colour: str | None, description: str) -> Tag:
        """How a tag looks. Snapshots that have it are not touched. Raises Invalid("tags_invalid"), LimitExceeded."""
        checked_tags([name])
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "snapshot.create")
            before = store.tag(conn, project_id, name)
            if before is None:
                _require_room(conn, Tag, project_id, MOST_TAGS, "tags with a look")
            tag = Tag(project_id, name, colour, description, actor.id, self._clock.now())
            store.put(conn, tag)
            self._record(conn, actor, project_id, "tag.set", {"tag": name, "colour": colour})
            return tag

    def remove_tag(self, actor: Actor, project_id: str, name: str) -> None:
        """Its look is forgotten; snapshots keep the tag."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "snapshot.create")
            if not store.remove(conn, Tag, project_id, name):
                raise no_such("tag")
            self._record(conn, actor, project_id, "tag.remove", {"tag": name})

    def colours(self, snapshots: Sequence[Snapshot]) -> Mapping[str, dict[str, str]]:
        """By snapshot: the colours of its tags. For those whom the caller was shown already: one statement, none where
        nothing has tags."""
        tagged = [each for each in snapshots if each.tags]
        if not tagged:
            return {}
        with self._db.read() as conn:
            found = store.colours(conn, {each.project_id for each in tagged})
        return {
            each.id: {tag: found[each.project_id, tag] for tag in each.tags if (each.project_id, tag) in found}
            for each in tagged
        }

    def rules(self, actor: Actor, project_id: str) -> Sequence[Rule]:
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "snapshot.read")
            return store.rules(conn, project_id)

    def put_rule(
        self, actor: Actor, project_id: str, name: str, tags: Sequence[str], conditions: Conditions, *, enabled: bool
    ) -> Rule:
        """From the next snapshot that becomes ready on; those there are stay as they are until it is applied."""
        wanted = _checked(tags, conditions)
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "snapshot.create")
            before = store.rule(conn, project_id, name)
            if before is None:
                _require_room(conn, Rule, project_id, MOST_RULES, "tag rules")
            rule = Rule(project_id, name, wanted, conditions, enabled, actor.id, self._clock.now())
            store.put(conn, rule)
            details = {"rule": name, "tags": wanted, "conditions": conditions.as_json(), "enabled": enabled}
            self._record(conn, actor, project_id, "tag_rule.set", details)
            return rule

    def remove_rule(self, actor: Actor, project_id: str, name: str) -> None:
        """Tags it added stay."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "snapshot.create")
            if not store.remove(conn, Rule, project_id, name):
                raise no_such("rule")
            self._record(conn, actor, project_id, "tag_rule.remove", {"rule": name})

    def preview(
        self, actor: Actor, project_id: str, tags: Sequence[str], conditions: Conditions, after: str | None
    ) -> Look:
        """What such a rule would add to the snapshots there are, newest first. Changes nothing."""
        wanted = _checked(tags, conditions)
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "snapshot.read")
            rule = Rule(project_id, "", wanted, conditions, True, actor.id, self._clock.now())
            return _looked(conn, rule, after)

    def apply(self, actor: Actor, project_id: str, name: str, after: str | None) -> Look:
        """Add a rule's tags to the ready snapshots there are, some hundred at a time; what somebody else changes that
        moment is left alone. Asked again, it adds nothing more. A rule that is switched off is applied all the same."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "snapshot.create")
            rule = store.rule(conn, project_id, name)
            if rule is None:
                raise no_such("rule")
            look = _looked(conn, rule, after)
            done = [
                (changed, new)
                for each, new in look.found
                if (changed := store.retag(conn, each, [*each.tags, *new])) is not None
            ]
            if done:
                details = {"rule": name, "tags": list(rule.tags), "snapshots": [each.id for each, _ in done]}
                self._record(conn, actor, project_id, "tag_rule.apply", details)
            return Look(done, look.looked_at, look.after)

    def _record(
        self, conn: sa.Connection, actor: Actor, project_id: str, action: str, details: Mapping[str, object]
    ) -> None:
        audit.record(conn, actor=actor.id, action=action, project_id=project_id, details=details)


def _looked(conn: sa.Connection, rule: Rule, after: str | None) -> Look:
    rows = backups.page(
        conn,
        Snapshot,
        project_id=rule.project_id,
        state="ready",
        after=after,
        where=narrowed(rule.conditions),
        limit=LOOKED_AT + 1,
    )
    seen = rows[:LOOKED_AT]
    asks = bool(rule.conditions.labels)
    labels = store.labels(conn, {each.resource_id for each in seen}) if asks else {}
    found = [(each, new) for each in seen if (new := added([rule], each, labels.get(each.resource_id, {})))]
    return Look(found, len(seen), seen[-1].id if len(rows) > LOOKED_AT else None)


def _checked(tags: Sequence[str], conditions: Conditions) -> list[str]:
    wanted = checked_tags(tags)
    if not wanted:
        raise Invalid("a rule adds at least one tag", code="tags_invalid")
    least, most = conditions.least_bytes, conditions.most_bytes
    if least is not None and most is not None and least > most:
        raise Invalid("least_bytes is more than most_bytes: nothing is of such a size", code="size_invalid")
    return wanted


def _require_room(conn: sa.Connection, kind: type[Tag] | type[Rule], project_id: str, most: int, what: str) -> None:
    if store.count(conn, kind, project_id) >= most:
        raise LimitExceeded(f"a project has at most {most} {what}", code="too_many_tags", hint="Remove some.")

"""Retention on the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from holdfast.features.retention.policy import MOST, Policy
from holdfast.features.retention.service import InForce, Outcome, Verdict
from holdfast.features.runs.wire import RunOut
from holdfast.web.paging import encode_cursor
from holdfast.web.wire import In

_RULE = Field(default=None, ge=0, le=MOST)


class PolicyIn(In):
    """Counts of periods; null or 0 = the rule is off. `within` is in days. Without any rule everything is kept."""

    last: int | None = _RULE
    hourly: int | None = _RULE
    daily: int | None = Field(default=7, ge=0, le=MOST)
    weekly: int | None = Field(default=4, ge=0, le=MOST)
    monthly: int | None = Field(default=12, ge=0, le=MOST)
    yearly: int | None = _RULE
    within: int | None = _RULE
    minimum: int = Field(default=3, ge=1, le=MOST, description="Good snapshots that stay whatever the rules say.")
    tags: list[str] = Field(default_factory=list, max_length=50, description="A snapshot with one of them stays.")

    def policy(self) -> Policy:
        return Policy.from_json(self.model_dump())


class _OfPolicy(In):
    policy: PolicyIn | None

    def chosen(self) -> Policy | None:
        return self.policy.policy() if self.policy else None


class RetentionIn(_OfPolicy):
    """`policy` null: inherit again."""

    tz: str = Field(default="UTC", max_length=64, description="Whose days, weeks, months and years are counted.")


class PreviewIn(_OfPolicy):
    """Without `policy` the one in force."""

    policy: PolicyIn | None = None
    repository_id: str | None = Field(default=None, max_length=64)


class ApplyIn(PreviewIn):
    confirm: str = Field(max_length=63, description="The database's name, typed.")
    trust_clock: bool = Field(default=False, description="Although the clock seems to have jumped.")


class GcIn(In):
    dry_run: bool = Field(default=False, description="Say what would be freed; nothing is written.")


class PolicyOut(BaseModel):
    last: int | None
    hourly: int | None
    daily: int | None
    weekly: int | None
    monthly: int | None
    yearly: int | None
    within: int | None
    minimum: int
    tags: list[str]


class RetentionOut(BaseModel):
    """The policy in force. `scope` and `subject_id` say whose it is: "default" is nobody's."""

    policy: PolicyOut
    tz: str
    scope: str
    subject_id: str | None
    inherited: bool

    @classmethod
    def of(cls, rule: InForce) -> RetentionOut:
        return cls(
            policy=PolicyOut(**rule.policy.as_json()),
            tz=rule.tz,
            scope=rule.scope,
            subject_id=rule.subject_id,
            inherited=rule.subject_id != rule.subject.id,
        )


class VerdictOut(BaseModel):
    """One snapshot: does it stay, and by which rules; or why it goes."""

    snapshot_id: str
    repository_id: str
    taken_at: datetime
    verification: str
    hold: bool
    tags: list[str]
    stored_bytes: int | None
    keep: bool
    reasons: list[str]

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictOut:
        found = verdict.snapshot
        return cls(
            snapshot_id=found.id,
            repository_id=found.repository_id,
            taken_at=found.taken_at or found.created_at,
            verification=found.verification,
            hold=found.hold,
            tags=list(found.tags),
            stored_bytes=found.stored_bytes,
            keep=verdict.keep,
            reasons=list(verdict.reasons),
        )


class OutcomeOut(BaseModel):
    """`forgotten`: marked now, and brought back on demand until `due`. `free_bytes`: what they added when taken."""

    verdicts: list[VerdictOut]
    keep: int
    go: int
    free_bytes: int
    forgotten: list[str]
    due: datetime | None
    next_cursor: str | None = Field(default=None, description="Of a preview: more verdicts; the numbers are of all.")

    @classmethod
    def of(cls, outcome: Outcome, offset: int = 0, limit: int | None = None) -> OutcomeOut:
        kept = sum(verdict.keep for verdict in outcome.verdicts)
        end = len(outcome.verdicts) if limit is None else offset + limit
        return cls(
            verdicts=[VerdictOut.of(verdict) for verdict in outcome.verdicts[offset:end]],
            next_cursor=encode_cursor(end) if end < len(outcome.verdicts) else None,
            keep=kept,
            go=len(outcome.verdicts) - kept,
            free_bytes=outcome.free_bytes,
            forgotten=list(outcome.forgotten),
            due=outcome.due,
        )


class GcRunOut(BaseModel):
    repository_id: str
    run: RunOut

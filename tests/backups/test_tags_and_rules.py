"""Tags with a colour, and rules that tag what becomes ready: alone, in a batch, taken in."""

from __future__ import annotations

from threading import current_thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statements import statements
from world import OWNER, World, actor_with, refused

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Grant
from holdfast.features.backups import asking, store
from holdfast.features.backups.asking import How
from holdfast.features.backups.choosing import Which
from holdfast.features.backups.model import Snapshot, snapshots
from holdfast.features.backups.preparing import MAX_TAGS
from holdfast.features.backups.searching import Search
from holdfast.features.backups.tagging import service
from holdfast.features.backups.tagging import store as tagging
from holdfast.features.backups.tagging.model import Conditions, Rule, tag_rules
from holdfast.features.backups.tagging.ready import became_ready, taken_in
from holdfast.features.backups.tagging.rules import added, holds
from holdfast.features.databases.model import Resource
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.ids import new_id
from holdfast.terminal import output
from holdfast.web.idempotency import NEVER

TAG = "a\"b'; --ü%_/"
NAME = "shop \"ö'; --"
NOW = SystemClock().now()


@pytest.fixture(scope="module")
def base(here: World) -> tuple[Resource, Snapshot]:
    database = here.create("sqlite", NAME, labels={"tier": "gold"})
    return database, here.snapshot(database.id, level=1)


@pytest.fixture(autouse=True)
def no_rules(here: World) -> None:
    with here.db.write() as conn:
        conn.execute(tag_rules.delete())


def rule(here: World, name: str, *tags: str, enabled: bool = True, **conditions: Any) -> Rule:
    wanted = Conditions(**conditions)
    return here.services.tags.put_rule(OWNER, here.project.id, name, tags, wanted, enabled=enabled)


def row(here: World, made: Snapshot, **changes: Any) -> Snapshot:
    """Another row like it."""
    values = vars(made) | {"id": new_id("snap"), "tags": [], "version": 1} | changes
    with here.db.write() as conn:
        conn.execute(snapshots.insert().values(**values))
    return Snapshot(**values)


def tags_of(here: World, snapshot: Snapshot) -> list[str]:
    return list(here.services.snapshots.get(OWNER, snapshot.id).tags)


def test_a_look_is_set_shown_and_forgotten(here: World, base: tuple[Resource, Snapshot]) -> None:
    made = row(here, base[1], tags=[TAG, "plain"])
    tags = here.services.tags
    tags.put_tag(OWNER, here.project.id, TAG, "red", "what went out")
    tags.put_tag(OWNER, here.project.id, TAG, "#00aa55", "")
    tags.put_tag(OWNER, here.project.id, "b", None, "only words")
    found = tags.tags(OWNER, here.project.id, after=None, limit=10)
    assert {(each.name, each.colour) for each in found} == {(TAG, "#00aa55"), ("b", None)}
    assert tags.tags(OWNER, here.project.id, after=found[0].name, limit=10) == found[1:]
    assert tags.colours([made]) == {made.id: {TAG: "#00aa55"}}
    tags.remove_tag(OWNER, here.project.id, TAG)
    assert tags.colours([made]) == {made.id: {}}
    assert tags_of(here, made) == [TAG, "plain"], "a snapshot keeps its tags"
    refused("tag_not_found", lambda: tags.remove_tag(OWNER, here.project.id, TAG))
    refused("tags_invalid", lambda: tags.put_tag(OWNER, here.project.id, "a\nb", None, ""))


def test_what_becomes_ready_is_tagged_at_once(here: World, base: tuple[Resource, Snapshot]) -> None:
    """Taken by a runner; a rule that holds only of others, and one that is off, add nothing."""
    database, _ = base
    rule(here, "gold", "golden", TAG, engines=["sqlite"], labels={"tier": "gold"}, pattern="shop *")
    rule(here, "other", "never", labels={"tier": "silver"})
    rule(here, "large", "never", least_bytes=1 << 40)
    rule(here, "off", "never", enabled=False)
    made = here.snapshot(database.id, level=1, tags=["mine", "golden"])
    assert made.tags == ["mine", "golden", TAG]
    assert (made.hold, made.version) == (False, 2)


def test_a_batch_and_what_is_taken_in_are_tagged_alike(
    here: World, base: tuple[Resource, Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LEAST", 3)
    names = [here.create("sqlite", f"small {number}").id for number in range(2)]
    for each in names:
        here.snapshot(each, level=1)
    rule(here, "small", "little", pattern="small *", most_bytes=1 << 30, triggers=["manual"])
    which = Which([*names, base[0].id])
    asked = here.services.snapshots.create_many(OWNER, which, How(OWNER, "manual", 1), repository_id=None, once=NEVER)
    assert all(each.carrier for each in asked), "they go together"
    for each in asked:
        assert each.run_id is not None
        assert here.services.jobs.wait(each.run_id, 120).state == "succeeded"
    assert [tags_of(here, each.snapshot) for each in asked if each.snapshot] == [["little"], ["little"], []]
    rule(here, "in", "came in", triggers=["adopted", "import"])
    lying = Snapshot(**(vars(base[1]) | {"id": new_id("snap"), "trigger": "adopted", "tags": ["adopted"]}))
    with here.db.write() as conn:
        taken_in(conn, lying)
    assert tags_of(here, lying) == ["adopted", "came in"]


def test_row_and_tags_are_one_transaction(here: World, base: tuple[Resource, Snapshot]) -> None:
    """Nobody sees it ready without them; rolled back, neither is there; one that ended before is left alone."""
    rule(here, "all", "every")
    made = row(here, base[1], state="creating")

    def undone() -> None:
        with here.db.write() as conn:
            assert became_ready(conn, made) is not None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    with here.db.read() as conn:
        now = store.get(conn, Snapshot, made.id)
    assert now is not None
    assert (now.state, now.tags) == ("creating", [])
    failed = row(here, base[1], state="failed")
    with here.db.write() as conn:
        assert became_ready(conn, failed) is None
        done = became_ready(conn, made, tables=3)
    assert done is not None
    assert (done.state, done.tables, done.tags) == ("ready", 3, ["every"])
    assert tags_of(here, failed) == []


def test_a_preview_is_exact_and_an_apply_does_just_that(
    here: World, base: tuple[Resource, Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several calls; again, nothing; held ones stay held, forgotten and failed ones are left alone."""
    _, made = base
    wanted = [row(here, made, plan_id="plan_x", hold=number == 0) for number in range(5)]
    row(here, made, plan_id="plan_x", tags=["late"])
    row(here, made, plan_id="plan_x", state="forgotten")
    row(here, made, plan_id="plan_x", state="failed")
    row(here, made, plan_id="plan_y")
    monkeypatch.setattr(service, "LOOKED_AT", 2)
    tags, project = here.services.tags, here.project.id
    conditions = Conditions(plan_ids=["plan_x"])

    def pages(ask: Any) -> list[str]:
        found, after = [], None
        while True:
            look = ask(after)
            assert look.looked_at <= 2
            found += [each.id for each, new in look.found if list(new) == ["late"]]
            if (after := look.after) is None:
                return found

    before = [tags_of(here, each) for each in wanted]
    seen = pages(lambda after: tags.preview(OWNER, project, ["late"], conditions, after))
    assert sorted(seen) == sorted(each.id for each in wanted)
    assert [tags_of(here, each) for each in wanted] == before == [[]] * 5
    rule(here, "late", "late", plan_ids=["plan_x"])
    assert [tags_of(here, each) for each in wanted] == before, "making a rule tags nothing that is there"
    assert pages(lambda after: tags.apply(OWNER, project, "late", after)) == seen
    assert [tags_of(here, each) for each in wanted] == [["late"]] * 5
    assert pages(lambda after: tags.apply(OWNER, project, "late", after)) == []
    assert here.services.snapshots.get(OWNER, wanted[0].id).hold
    found = here.services.snapshots.list(OWNER, search=Search(tags=["late"]), states=["forgotten", "failed"])
    assert not found
    refused("rule_not_found", lambda: tags.apply(OWNER, project, "nobody", None))


def test_who_may_not_changes_nothing(here: World, base: tuple[Resource, Snapshot]) -> None:
    """Neither a stranger nor a reader nor one who may in one environment alone."""
    tags, project = here.services.tags, here.project.id
    rule(here, "kept", "kept")
    reader = actor_with("snapshot.read")
    partly = Actor(
        "usr_x", "user", "x", (Grant(frozenset({"snapshot.read", "snapshot.create"}), project, here.environment.id),)
    )
    stranger = actor_with("snapshot.read", "snapshot.create", projects=frozenset({"prj_other"}))
    acts: list[Any] = [
        lambda actor: tags.put_tag(actor, project, "x", "red", ""),
        lambda actor: tags.remove_tag(actor, project, "b"),
        lambda actor: tags.put_rule(actor, project, "x", ["x"], Conditions(), enabled=True),
        lambda actor: tags.remove_rule(actor, project, "kept"),
        lambda actor: tags.apply(actor, project, "kept", None),
    ]
    before = here.count("snapshot_tags"), here.count("tag_rules"), tags_of(here, base[1])
    for act in acts:
        for actor, code in (
            (reader, "permission_denied"),
            (partly, "permission_denied"),
            (stranger, "project_not_found"),
        ):
            refused(code, lambda act=act, actor=actor: act(actor))
    refused("project_not_found", lambda: tags.preview(stranger, project, ["x"], Conditions(), None))
    assert before == (here.count("snapshot_tags"), here.count("tag_rules"), tags_of(here, base[1]))
    assert tags.rules(reader, project)


def test_what_cannot_be_is_refused(here: World) -> None:
    refused("tags_invalid", lambda: rule(here, "none"))
    refused("size_invalid", lambda: rule(here, "size", "x", least_bytes=2, most_bytes=1))
    with here.db.write() as conn:
        for number in range(service.MOST_RULES):
            tagging.put(conn, Rule(here.project.id, f"r{number}", ["x"], Conditions(), False, "usr", NOW))
    refused("too_many_tags", lambda: rule(here, "one-more", "x"))
    rule(here, "r1", "instead")


def test_rules_are_read_once_for_a_group(here: World, base: tuple[Resource, Snapshot]) -> None:
    """One statement for the rules, one for labels, then two of each that is tagged."""
    from holdfast.features.backups.tagging.ready import Tagger

    rule(here, "gold", "golden", labels={"tier": "gold"})
    rows = [row(here, base[1], state="creating") for _ in range(6)]
    with statements(here.db) as said, here.db.write() as conn:
        tagger = Tagger(conn, here.project.id, [each.resource_id for each in rows])
        for each in rows:
            tagger.became(each.id, {"state": "ready"})
    own = [each for each in said if each.thread is current_thread() and not each.text.startswith("SET LOCAL")]
    assert len(own) == 2 + 2 * len(rows)
    assert tags_of(here, rows[5]) == ["golden"]


@settings(max_examples=200, deadline=None)
@given(
    size=st.none() | st.integers(0, 20),
    least=st.none() | st.integers(0, 20),
    most=st.none() | st.integers(0, 20),
    engine=st.sampled_from(["sqlite", "valkey"]),
    engines=st.lists(st.sampled_from(["sqlite", "valkey"]), max_size=2),
    labels=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    has=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    tagged=st.integers(MAX_TAGS - 2, MAX_TAGS),
)
def test_conditions_hold_as_they_say(
    size: int | None,
    least: int | None,
    most: int | None,
    engine: str,
    engines: list[str],
    labels: dict[str, str],
    has: dict[str, str],
    tagged: int,
) -> None:
    values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__)
    values |= {"source_bytes": size, "engine": engine, "resource_name": "n", "tags": list(map(str, range(tagged)))}
    snapshot = Snapshot(**values)
    conditions = Conditions(engines=engines, labels=labels, least_bytes=least, most_bytes=most)
    right = (
        (not engines or engine in engines)
        and set(labels.items()) <= set(has.items())
        and (least is None or (size is not None and size >= least))
        and (most is None or (size is not None and size <= most))
    )
    assert holds(conditions, snapshot, has) == right
    assert holds(Conditions(**conditions.as_json()), snapshot, has) == right, "as it is kept"
    rules = [Rule("p", "r", ["1", "x", "y", "z"], conditions, True, "u", NOW)]
    new = added(rules, snapshot, has)
    assert new == (["x", "y", "z"][: MAX_TAGS - tagged] if right else [])


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has none, and no text can steer the terminal; a colour nobody knows is none."""
    cell = output.Coloured.joined([("up", "red"), ("a\x1b]0;x", "#00aa55"), ("c", "nocolour"), ("d", None)])
    output.table(["TAGS"], [[cell]])
    piped = capsys.readouterr().out
    assert "up, a\\x1b]0;x, c, d" in piped
    assert "\x1b" not in piped
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.table(["TAGS"], [[cell]])
    shown = capsys.readouterr().out
    assert "\x1b[31mup\x1b[0m" in shown
    assert "\x1b]0" not in shown

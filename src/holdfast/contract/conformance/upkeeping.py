"""Cases on chores, settings and extensions: CanMaintain, CanTune, CanExtend."""

from __future__ import annotations

from holdfast.contract.conformance.helpers import able, contents, inspect, raises, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.upkeep import CanExtend, CanMaintain, CanTune, Setting, Tell
from holdfast.kernel.errors import Cancelled, Invalid, NotFound
from holdfast.kernel.stop import Stop


def chores_done(subject: Subject) -> None:
    """Every chore can be done, twice, to all and to one table, tells how far it is, and changes no row."""
    engine: CanMaintain = able(subject.engine, CanMaintain)
    with subject.fresh() as place:
        write(subject, place, subject.dialect.words.shop(200))
        before = _seen(subject, place)
        chores = engine.chores()
        assert len({chore.name for chore in chores}) == len(chores) > 0
        for chore in chores:
            assert chore.title and chore.blocks, chore
            told: list[str] = []
            targets = (None, None, f"{subject.dialect.schema}.orders") if chore.targets else (None, None)
            for target in targets:
                engine.maintain(place.endpoint, chore.name, target, Stop(), _hear(told))
            assert told, f"{chore.name} says nothing of how far it is"
            if chore.targets:
                with raises(NotFound):
                    engine.maintain(place.endpoint, chore.name, "nowhere.at all", Stop(), lambda *_: None)
        stop = Stop()
        stop.stop()
        with raises(Cancelled):
            engine.maintain(place.endpoint, chores[0].name, None, stop, lambda *_: None)
        with raises(Invalid):
            engine.maintain(place.endpoint, "no'chore", None, Stop(), lambda *_: None)
        assert _seen(subject, place) == before


def _seen(subject: Subject, place: Place) -> tuple[object, ...]:
    """All but the sizes, which a chore is there to change."""
    relations = [(r.name, r.rows, r.columns, r.indexes, r.foreign_keys) for r in inspect(subject, place).relations]
    return contents(subject, place, "customers"), relations


def _hear(told: list[str]) -> Tell:
    return lambda phase, *_: told.append(phase)


def _in_force(engine: CanTune, place: Place) -> dict[str, Setting]:
    found = engine.settings(place.endpoint)
    assert len({one.name for one in found}) == len(found) > 0
    return {one.name: one for one in found}


def _another(one: Setting) -> str | None:
    """A value that a setting may have and has not."""
    if one.kind == "integer":
        least = int(float(one.minimum or "1"))
        return str(next(n for n in (max(least, 1) + 7, max(least, 1) + 8) if str(n) != one.value))
    if one.kind == "choice":
        return next((choice for choice in one.choices if choice.lower() != one.value.lower()), None)
    return None


def settings_changed(subject: Subject) -> None:
    """A setting of the list is changed and goes back; one that is not, or a wrong value, changes none of them."""
    engine: CanTune = able(subject.engine, CanTune)
    with subject.fresh() as place:
        before = _in_force(engine, place)
        chosen = {
            name: value
            for name, one in before.items()
            if one.scope == "database" and one.applies != "restart" and (value := _another(one)) is not None
        }
        chosen = dict(list(chosen.items())[:3])
        assert chosen, "no setting of the list can be tried"
        for wrong, code in (
            ({"no such setting; --": "1"}, "setting_unknown"),
            ({next(iter(chosen)): "certainly 'not' a value"}, "setting_invalid"),
        ):
            with raises(Invalid, code):
                engine.tune(place.endpoint, chosen | wrong)
            assert _in_force(engine, place) == before, "a refused change changed something"
        engine.tune(place.endpoint, chosen)
        during = _in_force(engine, place)
        for name in chosen:
            assert during[name].changed, name
            assert during[name].value != before[name].value, name
        engine.tune(place.endpoint, dict.fromkeys(chosen))
        assert _in_force(engine, place) == before


def extensions_by_list(subject: Subject) -> None:
    """An extension of the list is enabled and disabled, twice each; any other is not there to be enabled."""
    engine: CanExtend = able(subject.engine, CanExtend)
    with subject.fresh() as place:
        for name in ("file_fdw", 'no "such"; --'):
            with raises(NotFound, "extension_not_found"):
                engine.enable(place.endpoint, name)
        for one in engine.extensions(place.endpoint)[:2]:
            assert one.installed is None
            for _ in range(2):
                engine.enable(place.endpoint, one.name)
            there = {each.name: each.installed for each in engine.extensions(place.endpoint)}
            assert there[one.name] == one.available
            for _ in range(2):
                engine.disable(place.endpoint, one.name, cascade=False)
        assert all(one.installed is None for one in engine.extensions(place.endpoint))


CASES = {CanMaintain: (chores_done,), CanTune: (settings_changed,), CanExtend: (extensions_by_list,)}

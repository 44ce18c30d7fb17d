"""Cases on who is connected and on what a database says of itself: CanActivity, CanMeasure."""

from __future__ import annotations

from holdfast.contract.activity import CanActivity, Present
from holdfast.contract.conformance.helpers import able, contents, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.measure import CanMeasure
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop


def _others(activity: CanActivity, place: Place) -> dict[str, Present]:
    return {one.id: one for one in activity.sessions(place.endpoint) if not one.ours}


def activity_sessions(subject: Subject) -> None:
    """A session is seen with its user, and ended: it can do nothing more, and the others can."""
    activity: CanActivity = able(subject.engine, CanActivity)
    words = subject.dialect.words
    with subject.fresh() as place, subject.fresh("other") as elsewhere:
        write(subject, place, words.collection("t", 3))
        before = set(_others(activity, place))
        with subject.dialect.writer(place.endpoint) as doomed, subject.dialect.writer(elsewhere.endpoint) as stranger:
            doomed([words.add("t", 4, "x")])
            stranger(words.collection("t", 1))
            found = _others(activity, place)
            new = [one for key, one in found.items() if key not in before]
            assert len(new) == 1, f"{len(new)} sessions instead of the one that is there"
            assert new[0].user == place.endpoint.roles["owner"].user
            assert not [wait for wait in activity.waits(place.endpoint) if new[0].id in (wait.waiter, wait.holder)]
            for unknown in ("999999999", "nonsense", "0'; --"):
                assert not activity.end(place.endpoint, unknown)
                try:
                    assert not activity.cancel(place.endpoint, unknown)
                except Conflict as error:
                    assert error.code == "cannot_cancel", error.code
            assert activity.end(place.endpoint, new[0].id)
            try:
                doomed([words.add("t", 5, "x")])
            except Exception:  # noqa: BLE001  a driver's own error: the suite knows no drivers
                ended = True
            else:
                ended = False
            assert ended, "a session that was ended went on"
            stranger([words.add("t", 2, "x")])
            assert new[0].id not in _others(activity, place)
        assert sorted(contents(subject, place, "t")) == [1, 2, 3, 4]
        assert sorted(contents(subject, elsewhere, "t")) == [1, 2]


def measured(subject: Subject) -> None:
    """Sizes and counts are there or None, never negative; transactions only rise, and nothing changes."""
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, words.collection("t", 100))
        with session_of(subject, place, "ro") as session:
            first = able(session, CanMeasure).measure(Stop())
        write(subject, place, words.collection("u", 100))
        with session_of(subject, place, "ro") as session:
            second = able(session, CanMeasure).measure(Stop())
        assert first.size_bytes, "a database has a size"
        for one in (first, second):
            told = (one.size_bytes, one.connections, one.connections_max, one.transactions)
            assert all(number is None or number >= 0 for number in told), told
        assert (second.transactions or 0) >= (first.transactions or 0)
        assert len(contents(subject, place, "t")) == 100


CASES = {CanActivity: (activity_sessions,), CanMeasure: (measured,)}

"""Cases on logins besides the standing ones: CanAdmit."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from holdfast.contract.conformance.helpers import able, collect, contents, raises, session_of, write
from holdfast.contract.conformance.subject import Place, Subject
from holdfast.contract.logins import CanAdmit, Login
from holdfast.contract.query import QueryLimits
from holdfast.contract.spec import Access, Role
from holdfast.kernel.errors import Denied, HoldfastError, Invalid

_WRITE = QueryLimits(write=True)


def _as(place: Place, login: Login) -> Place:
    """The same place with every role replaced by the login."""
    roles: dict[Access, Role] = dict.fromkeys(("admin", "owner", "rw", "ro"), Role(login.user, "visit"))
    return replace(place, endpoint=replace(place.endpoint, roles=roles, secrets={"visit": login.password}))


def _can(subject: Subject, place: Place, login: Login, statement: str, *, writing: bool = False) -> bool:
    """Whether the login gets in and may run this."""
    with session_of(subject, _as(place, login), "rw") as session:
        try:
            asyncio.run(collect(session, statement, (), _WRITE if writing else QueryLimits()))
        except HoldfastError:
            return False
        return True


def logins_come_and_go(subject: Subject) -> None:
    """A login may what the access it stands for may, and nothing once it is suspended or dismissed."""
    engine: CanAdmit = able(subject.engine, CanAdmit)
    words = subject.dialect.words
    name = f"visitor_{secrets.token_hex(3)}"
    with subject.fresh() as place:
        write(subject, place, words.collection("t", 3))
        reader = Login(name, "p'w\"d;\\ ö", "ro")
        writer = Login(name, "another p'w", "rw")
        try:
            for _ in range(2):
                engine.admit(place.endpoint, reader)
            assert _can(subject, place, reader, words.count("t"))
            assert not _can(subject, place, reader, words.add("t", 4, "x"), writing=True), "a reader wrote"
            engine.admit(place.endpoint, writer)
            assert not _can(subject, place, reader, words.count("t")), "the old password is still good"
            assert _can(subject, place, writer, words.add("t", 5, "x"), writing=True)
            for _ in range(2):
                engine.suspend(place.endpoint, name)
            assert not _can(subject, place, writer, words.count("t")), "a suspended login got in"
            engine.admit(place.endpoint, writer)
            assert _can(subject, place, writer, words.count("t"))
        finally:
            for _ in range(2):
                engine.dismiss(place.endpoint, name, hand_over=True)
        assert not _can(subject, place, writer, words.count("t")), "a dismissed login got in"
        engine.suspend(place.endpoint, name)
        assert sorted(contents(subject, place, "t")) == [1, 2, 3, 5]


def logins_never_standing(subject: Subject) -> None:
    """The standing users cannot be changed this way, and go on working."""
    engine: CanAdmit = able(subject.engine, CanAdmit)
    words = subject.dialect.words
    with subject.fresh() as place:
        write(subject, place, words.collection("t", 3))
        for role in place.endpoint.roles.values():
            with raises((Invalid, Denied)):
                engine.admit(place.endpoint, Login(role.user, "taken", "ro"))
            with raises((Invalid, Denied)):
                engine.suspend(place.endpoint, role.user)
            with raises((Invalid, Denied)):
                engine.dismiss(place.endpoint, role.user, hand_over=True)
        with raises(Invalid):
            engine.admit(place.endpoint, Login("visitor", "x", "admin"))
        for program in engine.programs(replace(place.endpoint, host="h", port=1), Login("v", "s3cret", "ro")):
            assert "s3cret" not in " ".join((program.name, *program.argv)), "a password that every user here can see"
        assert len(contents(subject, place, "t")) == 3
        write(subject, place, [words.add("t", 4, "x")])


CASES = {CanAdmit: (logins_come_and_go, logins_never_standing)}

"""This installation and a provider beside it, and someone with a browser between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import sqlalchemy as sa
from oidc_provider import Provider, running
from oidc_provider.provider import CLIENT, SECRET
from token_desk import Desk, desk

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.model import User, role_grants, users
from holdfast.features.access.places import PROJECTS_ONLY
from holdfast.features.access.service import AccessService
from holdfast.features.access.sso.model import Provider as Configured
from holdfast.features.access.sso.model import Rule
from holdfast.features.access.sso.providers import ProvidersService, WantedProvider
from holdfast.features.access.sso.sign_in import Done, SsoService
from holdfast.features.access.sso.wiring import single_sign_on
from holdfast.kernel.outbound import OutboundPolicy

ORIGIN = "http://127.0.0.1:7700"
ROOT: Actor = local_actor(0)


@dataclass
class World:
    at: Desk
    access: AccessService
    sso: SsoService
    providers: ProvidersService
    idp: Provider

    def configured(self, **wanted: Any) -> Configured:
        rules = tuple(Rule(*each) for each in wanted.pop("mapping", ()))
        given = {"name": "Example", "issuer": self.idp.issuer, "client_id": CLIENT, "client_secret": SECRET}
        given |= {"create_accounts": True, "allow_private": True, "mapping": rules, **wanted}
        return self.providers.create(ROOT, WantedProvider(**given))

    def configured_once(self) -> Configured:
        """The same one each time."""
        return next(iter(self.providers.offered()), None) or self.configured()

    def there(self, provider: Configured | str) -> tuple[str, dict[str, str]]:
        """The browser goes to the provider: its cookie, and what it is sent back with."""
        departure = self.sso.start(provider if isinstance(provider, str) else provider.id, ORIGIN)
        return departure.browser, self.visit(departure.url)

    @staticmethod
    def visit(url: str) -> dict[str, str]:
        answer = httpx.get(url, trust_env=False)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def sign_in(self, provider: Configured) -> Done:
        browser, query = self.there(provider)
        return self.sso.finish(provider.id, query, browser, "a browser")

    def actor(self, done: Done) -> Actor:
        assert done.session is not None
        return self.access.actor_of(done.session.token)

    def session(self, user: User, *, stepped_up: bool = True) -> Actor:
        """Someone signed in here by other means."""
        with self.at.db.write() as conn:
            opened = self.access.open(conn, user)
        actor = self.access.actor_of(opened.token)
        assert actor.stepped_up
        if not stepped_up:
            self.at.clock.advance(601)
            actor = self.access.actor_of(opened.token)
            assert not actor.stepped_up
        return actor

    def people(self) -> list[User]:
        with self.at.db.read() as conn:
            return [User(**row._mapping) for row in conn.execute(sa.select(users).order_by(users.c.id))]

    def given(self, user_id: str) -> set[tuple[str, str | None, str]]:
        """Role, project and by whom, of everything someone was given."""
        c = role_grants.c
        with self.at.db.read() as conn:
            rows = conn.execute(sa.select(c.role, c.project_id, c.created_by).where(c.user_id == user_id))
            return {(row.role, row.project_id, row.created_by.partition(":")[0]) for row in rows}


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with desk(folder) as at, running(at.clock.now) as idp:
        access = AccessService(at.db, at.clock)
        sso, parts = single_sign_on(at.db, at.clock, at.secrets, access, PROJECTS_ONLY, OutboundPolicy())
        yield World(at, access, sso, parts[ProvidersService], idp)

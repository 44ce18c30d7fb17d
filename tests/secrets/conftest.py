"""The api as the composition root builds it, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import metadata_home
import pytest
from secrets_here import ROOT, Here
from starlette.testclient import TestClient

from holdfast import app as composition
from holdfast.http import create_app
from holdfast.kernel.settings import Settings
from holdfast.web.guards import PEER_UID


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """Asked as the machine's owner, by the mark admin.sock's protocol sets."""
    base: Path = tmp_path_factory.mktemp("secrets")
    (base / "data").mkdir()
    url = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "keys" / "master.key", database_url=url)
    services = composition.build_services(settings)
    app = create_app(services, settings)

    async def as_owner(scope: Any, receive: Any, send: Any) -> None:
        if "authorization" not in {name.decode() for name, _ in scope.get("headers", ())}:
            scope[PEER_UID] = 0
        await app(scope, receive, send)

    try:
        with TestClient(as_owner, base_url="http://127.0.0.1:7700") as client:
            made = Here(settings, services, client)
            project = services.projects.create(ROOT, "mine")
            made.project = project.id
            made.environment, made.other = (
                environment.id for environment in services.projects.environments(ROOT, project.id)[:2]
            )
            yield made
    finally:
        for close in reversed(services.closers):
            close()

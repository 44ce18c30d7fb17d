"""One api for the tests of a module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import metadata_home
import pytest
from starlette.testclient import TestClient
from workers_house import ROOT, House

from holdfast import app as composition
from holdfast.http import create_app
from holdfast.kernel.settings import Settings


@pytest.fixture(scope="module")
def whole() -> Iterator[House]:
    base = Path(tempfile.mkdtemp(prefix="hf-wrk-"))
    (base / "data").mkdir()
    url = metadata_home.url(base / "data" / "meta" / "holdfast.db")
    settings = Settings(base / "data", base / "run", base / "master.key", database_url=url)
    services = composition.build_services(settings)
    try:
        with TestClient(create_app(services, settings), base_url="http://127.0.0.1:7700") as client:
            made = House(settings, services, client, "", "")
            client.headers.update(made.key())
            yield made
    finally:
        for close in reversed(services.closers):
            close()
        shutil.rmtree(base)


@pytest.fixture
def house(whole: House, request: pytest.FixtureRequest) -> House:
    """A project of its own for each test."""
    made = whole.services.projects.create(ROOT, request.node.name[:60])
    whole.project = made.id
    whole.environment = whole.services.projects.environments(ROOT, made.id)[0].id
    return whole

"""The api as the composition root builds it, in this process, with no runtime beside it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from holdfast.features.access.actor import local_actor
from holdfast.features.access.keys import WantedKey
from holdfast.features.access.permissions import ALL
from holdfast.http import Services
from holdfast.kernel.settings import Settings

ROOT = local_actor(0)
HELLO = "from workers import Response\n\nasync def on_fetch(request, env):\n    return Response('hello')\n"


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made.getvalue()


def project(name: str = "hello", code: str = HELLO, **config: Any) -> dict[str, str | bytes]:
    """The files of a small worker."""
    return {"wrangler.jsonc": json.dumps({"name": name, "main": "src/entry.py", **config}), "src/entry.py": code}


@dataclass
class House:
    settings: Settings
    services: Services
    client: TestClient
    project: str
    environment: str

    def key(self, **wanted: Any) -> dict[str, str]:
        _, text = self.services.keys.create(ROOT, WantedKey(**{"name": "test", "permissions": ALL, **wanted}))
        return {"Authorization": f"Bearer {text}"}

    def call(self, method: str, path: str, status: int | None = None, **more: Any) -> Any:
        """The JSON of an answer of that status (by default: any below 300)."""
        answer = self.client.request(method, f"/api/v1{path}", **more)
        assert answer.status_code == status if status else answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def worker(self, name: str = "hello", **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.call(
            "POST", "/workers", json={"environment_id": self.environment, "name": name} | more
        )
        return made

    def upload(self, worker: Mapping[str, Any], files: Mapping[str, str | bytes], **query: Any) -> dict[str, Any]:
        headers = {"content-type": "application/zip"}
        path = f"/workers/{worker['id']}/versions"
        made: dict[str, Any] = self.call("POST", path, params=query, content=zipped(files), headers=headers)
        return made

    def deploy(self, worker: Mapping[str, Any], version: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        path = f"/workers/{worker['id']}/deployments"
        made: dict[str, Any] = self.call("POST", path, json={"version_id": version["id"], **more})
        return made

    def table(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.settings.runtime / "routes.json").read_bytes())
        return found

    def routed(self, slug: str) -> dict[str, Any]:
        return next(each for each in self.table()["workers"] if each["slug"] == slug)


def deployed(
    house: House, name: str, settings_: dict[str, Any] | None = None, **config: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A new worker and its version, which takes all requests."""
    worker = house.worker(name, settings=settings_ or {})
    version = house.upload(worker, project(**config))
    house.deploy(worker, version)
    return worker, version

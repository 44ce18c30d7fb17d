"""Every secret that the API takes, found in its description: a canary goes into each and comes out nowhere.

The OpenAPI document is the list. A field that is a password there gets its canary by itself; one that is only called
like a secret must be a password, or stand here with the reason why it is none.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from inside import EVERYTHING, Inside, inside
from walk_routes import ANONYMOUS, ASKS

from holdfast.kernel import log

pytestmark = pytest.mark.xdist_group("canary-inputs")

ROUTES = {**ANONYMOUS, **ASKS}
CANARY = "canary-7c1e55d2-"
SOUNDS_SECRET = re.compile(
    r"(^|_)(password|passphrase|secret|token|code|otp|totp|pin|credential|private_key|value|key|assertion|kit)s?$"
)
_KEY_OF_A_TABLE = "names of columns"
_PUBLIC = "the public half: it is shown to be compared"
_NAME = "the name of a key"
_ENTRY = "what a key-value namespace holds is data: whoever may read it sees it"
_ENTRIES = ("PUT values key", "PUT values value", "PUT values/bulk entries.key", "PUT values/bulk entries.value")
_ENTRIES = (*_ENTRIES, "POST values/read key", "POST values/delete keys")
NO_SECRET: dict[str, str] = {
    **{each.replace(" ", " /api/v1/kv-namespaces/{kv_namespace_id}/", 1): _ENTRY for each in _ENTRIES},
    "PATCH /api/v1/databases/{database_id}/tables/{table} add_foreign_keys": _KEY_OF_A_TABLE,
    "PATCH /api/v1/databases/{database_id}/tables/{table} drop_foreign_keys": _KEY_OF_A_TABLE,
    "POST /api/v1/databases/{database_id}/tables foreign_keys": _KEY_OF_A_TABLE,
    "POST /api/v1/databases/{database_id}/tables primary_key": _KEY_OF_A_TABLE,
    "POST /api/v1/databases/{database_id}/imports key": _KEY_OF_A_TABLE,
    "POST /api/v1/databases/{database_id}/imports/preview key": _KEY_OF_A_TABLE,
    "POST /api/v1/databases/external target.ssh.host_key": _PUBLIC,
    "POST /api/v1/databases/external/test target.ssh.host_key": _PUBLIC,
    "PUT /api/v1/databases/{database_id}/external ssh.host_key": _PUBLIC,
    "POST /api/v1/repositories sftp.host_key": _PUBLIC,
    "POST /api/v1/repositories/adopt sftp.host_key": _PUBLIC,
    "POST /api/v1/projects/{project_id}/file-keys public_key": _PUBLIC,
    "POST /api/v1/projects/{project_id}/file-keys vault.key": _NAME,
    "POST /api/v1/projects/{project_id}/file-keys gcp.key": _NAME,
    "POST /api/v1/repositories/{repository_id}/file-key key": _NAME,
    "POST /api/v1/repositories files.key": _NAME,
    "POST /api/v1/databases/{database_id}/snapshots options.key": _NAME,
    "POST /api/v1/snapshots options.key": _NAME,
    "POST /api/v1/projects/{project_id}/plans options.key": _NAME,
    "PATCH /api/v1/plans/{plan_id} options.key": _NAME,
}
_ROW_METHODS = ("DELETE", "GET", "PATCH")
_ROW_KEY = "the key of a row, as a link to it needs it; logs have paths without queries"
IN_A_URL = {
    **{f"{method} /api/v1/databases/{{database_id}}/tables/{{table}}/row key": _ROW_KEY for method in _ROW_METHODS},
    "GET /api/v1/sso/{provider_id}/callback code": "RFC 6749, 4.1.2 sends it so; it works once, with this browser's "
    "cookie and a verifier that never leaves the server, and the log has paths without queries",
}


def resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Through references and `or null`."""
    while True:
        if "$ref" in schema:
            schema = components[schema["$ref"].rsplit("/", 1)[1]]
        elif options := [each for each in schema.get("anyOf", []) if each.get("type") != "null"]:
            schema = options[0]
        else:
            return schema


def fields(schema: dict[str, Any], components: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[Any]:
    """(path, schema) of every field, at any depth; a list's items have the list's path."""
    schema = resolved(schema, components)
    if schema.get("type") == "array":
        yield from fields(schema.get("items", {}), components, at)
    for name, inner in schema.get("properties", {}).items():
        found = resolved(inner, components)
        item = resolved(found["items"], components) if isinstance(found.get("items"), dict) else found
        yield (*at, name), {**found, "format": item.get("format", "")}
        if len(at) < 5:
            yield from fields(found, components, (*at, name))


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


def inputs(here: Inside) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """Route, path of the field, schema: of every JSON body the API describes."""
    schema = here.client.app.openapi()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for at, field in fields(content["schema"], schema["components"]["schemas"]):
                    yield f"{method.upper()} {path}", at, field


def is_password(field: dict[str, Any]) -> bool:
    return bool(field["format"] == "password")


def secret_inputs(here: Inside) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for route, at, field in inputs(here):
        if is_password(field):
            found.setdefault(route, []).append(at)
    return found


def plain(route: str) -> str:
    return re.sub(r":path|( #.*)", "", route)


def test_what_is_called_a_secret_is_one(here) -> None:
    """`SecretStr`: never in a validation error, a repr or a log. What only sounds like one says why."""
    sounding = {
        f"{route} {'.'.join(at)}"
        for route, at, field in inputs(here)
        if SOUNDS_SECRET.search(at[-1]) and field.get("type") in ("string", "array") and not is_password(field)
    }
    assert sounding == set(NO_SECRET)


def test_no_secret_is_in_an_address(here) -> None:
    """A query string is in every log on the way."""
    parameters = {
        f"{method.upper()} {path} {each['name']}"
        for path, operations in here.client.app.openapi()["paths"].items()
        for method, operation in operations.items()
        for each in operation.get("parameters", [])
        if each["in"] in ("query", "path") and SOUNDS_SECRET.search(each["name"])
    }
    assert parameters == set(IN_A_URL)


def test_every_password_of_the_description_is_planted(here) -> None:
    """The walk's request for the route names it: otherwise its canary would never be sent."""
    unplanted = {
        f"{route} {'.'.join(at)}"
        for route, paths in secret_inputs(here).items()
        for at in paths
        if not any(plain(each) == route and at[0] in (ask.body or {}) for each, ask in ROUTES.items())
    }
    assert unplanted == set(), "name it in the body of walk_routes.py"
    assert len(secret_inputs(here)) >= 10


def plant(body: Any, at: tuple[str, ...], canary: str) -> Any:
    """`body` with the canary at the field; in a list, as its one item."""
    if not at:
        return [canary] if isinstance(body, list) else canary
    if isinstance(body, list):
        return [plant(body[0] if body else {}, at, canary)]
    return {**(body or {}), at[0]: plant((body or {}).get(at[0]), at[1:], canary)}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything any logger of this process says."""
    old, root = structlog.get_config(), logging.getLogger()
    handlers, level, stream = root.handlers[:], root.level, io.StringIO()
    log.configure("debug", stream=stream, json=True)
    yield stream
    structlog.configure(**old)
    root.handlers[:], root.level = handlers, level


def test_planted_secrets_are_found_nowhere(here, written) -> None:
    """In no log line, error, audit row or any other row, whoever sent them: a stranger, a key, the owner's browser."""
    link = here.services.access.first_run_link()
    assert link is not None
    made = here.services.access.exchange(link.partition("#token=")[2], "owner@example.org", "correct horse battery")
    cookie = {"Cookie": f"holdfast_session={made.token}", "Origin": "http://127.0.0.1:7700"}
    planted: dict[str, str] = {}
    said: dict[str, str] = {}
    for route, paths in secret_inputs(here).items():
        for number, at in enumerate(paths):
            for who, credential in (("nobody", {}), ("key", here.key(permissions=EVERYTHING)), ("cookie", cookie)):
                name = f"{route} {'.'.join(at)} by {who}"
                for each, ask in ROUTES.items():
                    if plain(each) != route or ask.body is None or at[0] not in ask.body:
                        continue
                    method, path = each.partition(" #")[0].split(" ", 1)
                    request = ask.request(path, here.ids["mine"])
                    planted[name] = f"{CANARY}{len(planted):04}-{number}-x{abs(hash(name)):x}"
                    request["json"] = plant(request["json"], at, planted[name])
                    request["headers"] |= credential
                    here.client.cookies.clear()
                    answer = here.client.request(method, **request)
                    assert answer.status_code < 500, (name, answer.text)
                    if answer.status_code >= 400:
                        said[name] = answer.text
                    wrong = {**request, "json": {**request["json"], at[0]: {"deeper": [planted[name]]}}}
                    said[name + ", in the wrong form"] = here.client.request(method, **wrong).text
    for headers in (
        {"Authorization": f"Bearer {CANARY}bearer"},
        {"Authorization": f"Bearer hf_0123456789ab_{CANARY}{'x' * 27}"},
        {"Authorization": f"Basic {CANARY}basic"},
        {"Cookie": f"holdfast_session={CANARY}cookie"},
        {"Idempotency-Key": f"{CANARY}idempotency"},
        {"X-Request-Id": f"{CANARY}request-id"},
    ):
        for path in (f"/api/v1/projects?token={CANARY}query&cursor={CANARY}cursor", f"/#{CANARY}"):
            said[repr(headers) + path] = here.client.get(path, headers=headers).text
    lines = written.getvalue()
    assert lines.count('"event": "request"') > len(planted)
    assert CANARY not in lines, [line for line in lines.splitlines() if CANARY in line][:3]
    assert {name for name, text in said.items() if CANARY in text} == set()
    assert CANARY not in repr(here.audit())
    assert {name for name, found in here.rows().items() if CANARY in repr(found)} == set()

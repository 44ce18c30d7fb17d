"""What each route needs to be called: its permissions, and a request whose ids the walk replaces one by one.

`$noun` in a body or a query stands for an id of that noun, and so does `{noun_id}` in a path. What follows a `#` tells
two requests of one route apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Ask:
    """`permissions` empty = whoever has a credential. Each of them is missed alone once.

    `everywhere`: an act on the installation: whoever is let into one project only gets 403, whatever the ids.
    """

    permissions: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)
    everywhere: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def nouns(self, path: str) -> list[str]:
        """The nouns whose ids the request names."""
        in_path = [name.removesuffix("_id") for name in _PARAMETER.findall(path) if name not in self.fill]
        given = [each for value in (*(self.body or {}).values(), *self.query.values()) for each in _listed(value)]
        return in_path + [value[1:] for value in given if _is_slot(value)]

    def request(self, path: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Keyword arguments of httpx's `request`, without the method."""

        def value(name: str) -> str:
            return self.fill[name] if name in self.fill else ids[name.removesuffix("_id")]

        def one(each: Any) -> Any:
            return ids[each[1:]] if _is_slot(each) else each

        def put(given: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: [one(item) for item in each] if isinstance(each, list) else one(each)
                for name, each in given.items()
            }

        made: dict[str, Any] = {"url": _PARAMETER.sub(lambda match: value(match[1]), path)}
        made["headers"] = {"If-Match": '"v1"', **self.headers}
        if self.query:
            made["params"] = put(self.query)
        if self.body is not None:
            made["json"] = put(self.body)
        return made


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_slot(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$")


def _one(permission: str, **more: Any) -> Ask:
    return Ask((permission,), **more)


def _whole(permission: str, **more: Any) -> Ask:
    return Ask((permission,), everywhere=True, **more)


TABLE = {"table": "t"}
ROW = {"If-Match": '"r' + "0" * 32 + '"'}  # a row's digest
FAR = {"host": "127.0.0.1", "port": 9, "user": "app", "tls": "disable"}  # refused: loopback is not opened here
BUCKET = {  # refused: loopback is not opened here
    "endpoint": "http://127.0.0.1:9",
    "bucket": "walk",
    "access_key_id": "AKIAWALK",
    "secret_access_key": "a secret of the walk",
}
GOOGLE = {"endpoint": "http://127.0.0.1:9", "bucket": "walk", "service_account_key": "{}"}
AZURE = {"account": "walk", "container": "walk", "endpoint": "http://127.0.0.1:9", "sas_token": "sig=walk"}
FAR_SECRETS = {
    "url": "postgresql://app@127.0.0.1:9/x",
    "password": "walking",
    "reader_password": "walking",
    "key": "walking",
    "ssh": {"host": "127.0.0.1", "user": "walk", "password": "walking"},
}
NAMED = {"confirm": "db0"}
SESSION = {"number": "4711"}  # at a database's server
SECRET = {"name": "SECRET_0"}  # what `inside.settle` stores first
PROVIDER = {"name": "walk", "issuer": "https://id.example.org", "client_id": "walk", "client_secret": "walk"}
PERSON = {"email": "a@example.org", "password": "twelve characters"}
ASSERTION = {"clientDataJSON": "x", "authenticatorData": "x", "signature": "x"}
PASSKEY = {"flow": "x", "credential": {"id": "x", "rawId": "x", "type": "public-key", "response": ASSERTION}}
NEW_PASSKEY = {
    "flow": "x",
    "credential": {
        **PASSKEY["credential"],  # type: ignore[dict-item]
        "response": {"clientDataJSON": "x", "attestationObject": "x"},
    },
}
ANONYMOUS: dict[str, Ask] = {
    "GET /": Ask(),
    "GET /assets/{name}": Ask(fill={"name": "page.css"}),
    "GET /health/live": Ask(),
    "POST /api/v1/session": Ask(body=PERSON),
    "POST /api/v1/session #second": Ask(body={**PERSON, "code": "000000", "passkey": PASSKEY}),
    "POST /api/v1/tokens #second": Ask(body={**PERSON, "code": "000000", "passkey": PASSKEY}),
    "POST /api/v1/session/passkey/options": Ask(headers={"Host": "localhost:7700"}),
    "POST /api/v1/session/passkey": Ask(body=PASSKEY),
    "POST /api/v1/session/first-run": Ask(body={"token": "x", **PERSON}),
    "POST /api/v1/session/reset": Ask(body={"token": "x", "password": PERSON["password"]}),
    "POST /api/v1/invites/accept": Ask(body={"token": "x", "password": PERSON["password"]}),
    "POST /api/v1/tokens": Ask(body=PERSON),
    "POST /api/v1/tokens/refresh": Ask(body={"refresh_token": "hr_x"}),
    "GET /.well-known/jwks.json": Ask(),
    "GET /api/v1/sso": Ask(),
    "GET /api/v1/sso/{provider_id}/start": Ask(),
    "GET /api/v1/sso/{provider_id}/callback": Ask(query={"code": "x", "state": "x"}),
}
ASKS: dict[str, Ask] = {
    "GET /api/docs": Ask(),
    "GET /api/docs/{name}": Ask(fill={"name": "docs.js"}),
    "GET /api/openapi.json": Ask(),
    "GET /health": _one("system.read"),
    "GET /health/ready": _one("system.read"),
    "GET /api/v1/session": Ask(),
    "DELETE /api/v1/session": Ask(),
    "POST /api/v1/session/step-up": Ask(body={"password": PERSON["password"]}),
    "POST /api/v1/session/step-up #second": Ask(
        body={"password": PERSON["password"], "code": "000000", "passkey": PASSKEY}
    ),
    "POST /api/v1/session/step-up/options": Ask(),
    "GET /api/v1/account/factors": Ask(),
    "GET /api/v1/users/{user_id}/factors": _whole("user.read"),
    "POST /api/v1/account/totp": Ask(),
    "POST /api/v1/account/totp/confirm": Ask(body={"code": "000000"}),
    "DELETE /api/v1/account/totp": Ask(),
    "POST /api/v1/account/recovery-codes": Ask(),
    "POST /api/v1/account/passkeys/options": Ask(),
    "POST /api/v1/account/passkeys": Ask(body=NEW_PASSKEY),
    "GET /api/v1/account/passkeys": Ask(),
    "PATCH /api/v1/account/passkeys/{passkey_id}": Ask(body={"name": "walk"}),
    "DELETE /api/v1/account/passkeys/{passkey_id}": Ask(),
    "GET /api/v1/system/second-factor": _whole("system.read"),
    "PUT /api/v1/system/second-factor": _whole("system.admin", body={"everyone": False}),
    "POST /api/v1/session/first-run/link": _whole("system.admin"),
    "POST /api/v1/session/password": Ask(body={"old_password": "x", "new_password": PERSON["password"]}),
    "GET /api/v1/sessions": Ask(),
    "DELETE /api/v1/sessions/{session_id}": Ask(),
    "POST /api/v1/sessions/revoke-others": Ask(),
    "GET /api/v1/users": _whole("user.read"),
    "GET /api/v1/users/{user_id}": _whole("user.read"),
    "PATCH /api/v1/users/{user_id}": _whole("user.update", body={"name": "walk"}),
    "PATCH /api/v1/users/{user_id} #role": _whole("user.update", body={"role": "viewer"}),
    "PATCH /api/v1/users/{user_id} #disabled": _whole("user.update", body={"disabled": True}),
    "DELETE /api/v1/users/{user_id}": _whole("user.delete", body={"confirm": "walk@example.org"}),
    "POST /api/v1/users/{user_id}/reset": _whole("user.reset"),
    "GET /api/v1/users/{user_id}/sessions": _whole("user.read"),
    "DELETE /api/v1/users/{user_id}/sessions": _whole("user.reset"),
    "POST /api/v1/invites": _whole("user.invite", body={"email": "walk@example.org"}),
    "GET /api/v1/invites": _whole("user.read"),
    "DELETE /api/v1/invites/{invite_id}": _whole("user.invite"),
    "GET /api/v1/permissions": Ask(),
    "POST /api/v1/keys": _one("key.create", body={"name": "walk", "permissions": []}),
    "POST /api/v1/keys #limited": _one(
        "key.create", body={"name": "walk", "permissions": [], "projects": ["$project"]}
    ),
    "POST /api/v1/keys #environment": _one(
        "key.create", body={"name": "walk", "permissions": [], "environments": ["$environment"]}
    ),
    "POST /api/v1/keys #resource": _one(
        "key.create", body={"name": "walk", "permissions": [], "resources": ["$database"]}
    ),
    "POST /api/v1/keys/{key_id}/rotate": _one("key.rotate", body={}),
    "GET /api/v1/keys": _one("key.read"),
    "GET /api/v1/keys/{key_id}": _one("key.read"),
    "DELETE /api/v1/keys/{key_id}": _one("key.revoke"),
    "GET /api/v1/tokens": Ask(),
    "GET /api/v1/tokens #someone": _whole("user.read", query={"user_id": "usr_walk"}),
    "DELETE /api/v1/tokens/{family_id}": _whole("token.revoke"),
    "POST /api/v1/tokens/keys/rotate": _whole("system.key.rotate", body={}),
    "GET /api/v1/sso/identities": Ask(),
    "DELETE /api/v1/sso/identities/{identity_id}": Ask(),
    "POST /api/v1/sso/{provider_id}/link": Ask(fill={"provider_id": "idp_walk"}),
    "POST /api/v1/sso/{provider_id}/step-up": Ask(fill={"provider_id": "idp_walk"}),
    "GET /api/v1/sso/providers": _whole("sso.read"),
    "POST /api/v1/sso/providers": _whole("sso.manage", body=PROVIDER),
    "POST /api/v1/sso/providers #private": Ask(
        ("sso.manage", "system.admin"), {**PROVIDER, "allow_private": True}, everywhere=True
    ),
    "GET /api/v1/sso/providers/{provider_id}": _whole("sso.read"),
    "PATCH /api/v1/sso/providers/{provider_id}": _whole("sso.manage", body={"name": "walk", "client_secret": "walk"}),
    "DELETE /api/v1/sso/providers/{provider_id}": _whole("sso.manage"),
    "POST /api/v1/sso/providers/{provider_id}/test": _whole("sso.manage"),
    "GET /api/v1/roles": _one("role.read"),
    "POST /api/v1/roles": _whole("role.manage", body={"name": "walker", "permissions": ["run.read"]}),
    "GET /api/v1/roles/{role_id}": _one("role.read", fill={"role_id": "viewer"}),
    "PATCH /api/v1/roles/{role_id}": _whole("role.manage", body={"description": "walk"}),
    "DELETE /api/v1/roles/{role_id}": _whole("role.manage"),
    "GET /api/v1/grants": _one("role.read", query={"project_id": "$project"}),
    "POST /api/v1/grants": _whole("role.grant", body={"email": "walker@example.org", "role": "viewer"}),
    "POST /api/v1/grants #project": _one(
        "role.grant", body={"email": "walker@example.org", "role": "viewer", "project_id": "$project"}
    ),
    "POST /api/v1/grants #environment": _one(
        "role.grant", body={"email": "walker@example.org", "role": "viewer", "environment_id": "$environment"}
    ),
    "DELETE /api/v1/grants/{grant_id}": _one("role.grant"),
    "GET /api/v1/projects/{project_id}/members": _one("role.read"),
    "POST /api/v1/projects": _whole("project.create", body={"name": "walk"}),
    "GET /api/v1/projects": _one("project.read"),
    "GET /api/v1/projects/{project_id}": _one("project.read"),
    "PATCH /api/v1/projects/{project_id}": _one("project.update", body={"name": "walk"}),
    "DELETE /api/v1/projects/{project_id}": _one("project.delete", body={"confirm": "mine"}),
    "POST /api/v1/projects/{project_id}/environments": _one(
        "environment.create", body={"name": "walk", "kind": "staging"}
    ),
    "GET /api/v1/projects/{project_id}/environments": _one("environment.read"),
    "GET /api/v1/environments/{environment_id}": _one("environment.read"),
    "PATCH /api/v1/environments/{environment_id}": _one("environment.update", body={"name": "walk"}),
    "PATCH /api/v1/environments/{environment_id} #restore": _one("environment.update", body={"restore_allowed": True}),
    "DELETE /api/v1/environments/{environment_id}": _one("environment.delete", body={"confirm": "development"}),
    "PATCH /api/v1/environments/{environment_id} #masking": Ask(
        ("environment.update", "masking.write"), {"masking_required": True}
    ),
    "PATCH /api/v1/environments/{environment_id} #unmasked": Ask(
        ("environment.update", "masking.write"), {"masking_required": False}
    ),
    "POST /api/v1/projects/{project_id}/masking-profiles": _one(
        "masking.write", body={"name": "walk", "engine": "sqlite", "statements": ["SELECT 1"]}
    ),
    "GET /api/v1/projects/{project_id}/masking-profiles": _one("masking.read"),
    "GET /api/v1/masking-profiles/{masking_profile_id}": _one("masking.read"),
    "PATCH /api/v1/masking-profiles/{masking_profile_id}": _one("masking.write", body={"name": "walk"}),
    "DELETE /api/v1/masking-profiles/{masking_profile_id}": _one("masking.write", body={"confirm": "mask0"}),
    "GET /api/v1/limits": _one("limit.read"),
    "GET /api/v1/limits/shipped": Ask(),
    "PUT /api/v1/limits": _whole(
        "limit.write", body={"subject": "project", "subject_id": "$project", "what": "calls", "amount": 5}
    ),
    "PUT /api/v1/limits #default": _whole("limit.write", body={"subject": "key", "what": "calls", "amount": 5}),
    "DELETE /api/v1/limits/{limit_id}": _whole("limit.write"),
    "GET /api/v1/usage": Ask(),
    "GET /api/v1/usage #project": _one("limit.read", query={"subject": "project", "subject_id": "$project"}),
    "POST /api/v1/databases/{database_id}/moves": Ask(
        ("database.move", "database.create"), body={"engine": "postgresql", "name": "walk-moved"}
    ),
    "GET /api/v1/moves": _one("database.read", query={"project_id": "$project"}),
    "GET /api/v1/moves/{move_id}": _one("database.read"),
    "POST /api/v1/moves/{move_id}/start": Ask(("database.move", "database.create"), body={"accept": "0" * 64}),
    "DELETE /api/v1/moves/{move_id}": _one("database.move"),
    "GET /metrics": _one("metric.read"),
    "GET /api/v1/metrics": _one("metric.read"),
    "GET /api/v1/metrics/databases": _one("metric.read", query={"project_id": "$project"}),
    "GET /api/v1/databases/{database_id}/metrics": _one("metric.read"),
    "GET /api/v1/audit": _one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/audit/export": _one("audit.export", query={"project_id": "$project"}),
    "GET /api/v1/audit/{event_id}": _one("audit.read"),
    "POST /api/v1/audit/verify": _whole("audit.verify", body={}),
    "POST /api/v1/audit/erase": _whole("audit.erase", body={"actor": "usr_nobody", "reason": "w", "confirm": "erase"}),
    "GET /api/v1/activity": _one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/events": _one("audit.read", query={"project_id": "$project"}),
    "GET /api/v1/runs": _one("run.read", query={"project_id": "$project"}),
    "GET /api/v1/runs/{run_id}": _one("run.read"),
    "GET /api/v1/runs/{run_id}/logs": _one("run.read"),
    "GET /api/v1/runs/{run_id}/events": _one("run.read"),
    "POST /api/v1/runs/{run_id}/cancel": _one("run.cancel"),
    "GET /api/v1/nodes": _whole("system.read"),
    "GET /api/v1/nodes/{node_id}": _whole("system.read"),
    "DELETE /api/v1/nodes/{node_id}": _whole("system.admin", body={"confirm": "walk"}),
    "GET /api/v1/engines": _one("database.read"),
    "GET /api/v1/engines/{name}": _one("database.read", fill={"name": "sqlite"}),
    "POST /api/v1/databases": _one(
        "database.create", body={"environment_id": "$environment", "engine": "sqlite", "name": "walk"}
    ),
    "POST /api/v1/databases/external": _one(
        "database.register",
        body={"environment_id": "$environment", "engine": "postgresql", "name": "far", "target": FAR},
    ),
    "POST /api/v1/databases/external/test": _one(
        "database.register", body={"environment_id": "$environment", "engine": "postgresql", "target": FAR}
    ),
    "POST /api/v1/databases/external/host-key": _one(
        "database.register", body={"environment_id": "$environment", "host": "127.0.0.1", "port": 9}
    ),
    "PUT /api/v1/databases/{database_id}/external": _one("database.register", body=FAR),
    "PUT /api/v1/databases/{database_id}/external #secrets": _one("database.register", body=FAR | FAR_SECRETS),
    "GET /api/v1/databases/{database_id}/report": _one("database.read"),
    "POST /api/v1/databases/{database_id}/report": _one("database.register"),
    "GET /api/v1/databases": _one("database.read", query={"project_id": "$project"}),
    "GET /api/v1/databases/{database_id}": _one("database.read"),
    "PATCH /api/v1/databases/{database_id}": _one("database.update", body={"notes": "walk"}),
    "DELETE /api/v1/databases/{database_id}": _one("database.delete", body=NAMED),
    "POST /api/v1/databases/{database_id}/undelete": _one("database.undelete"),
    "POST /api/v1/databases/{database_id}/purge": _one("database.purge", body=NAMED),
    "POST /api/v1/databases/{database_id}/start": _one("database.start"),
    "POST /api/v1/databases/{database_id}/stop": _one("database.stop"),
    "POST /api/v1/databases/{database_id}/passwords/rotate": _one("database.password.rotate", body=NAMED),
    "POST /api/v1/databases/{database_id}/resize": _one("database.resize", body={"spec": {"cpus": 1}}),
    "GET /api/v1/databases/{database_id}/url": _one("database.read"),
    "POST /api/v1/databases/{database_id}/url": _one("database.url.reveal", body={"access": "owner"}),
    "GET /api/v1/databases/{database_id}/catalog": _one("database.read"),
    "GET /api/v1/databases/{database_id}/statements": _one("database.statements.read"),
    "POST /api/v1/databases/{database_id}/query": _one("database.query.read", body={"statement": "SELECT 1"}),
    "POST /api/v1/databases/{database_id}/query #write": _one(
        "database.query.write", body={"statement": "SELECT 1", "write": True}
    ),
    "GET /api/v1/databases/{database_id}/keys": _one("database.query.read"),
    "POST /api/v1/databases/{database_id}/keys/read": _one("database.query.read", body={"name": "k"}),
    "PUT /api/v1/databases/{database_id}/keys": _one(
        "database.query.write", body={"name": "k", "type": "string", "elements": ["v"]}
    ),
    "PATCH /api/v1/databases/{database_id}/keys": _one("database.query.write", body={"name": "k", "put": ["v"]}),
    "DELETE /api/v1/databases/{database_id}/keys": _one("database.query.write", body={"name": "k"}),
    "POST /api/v1/databases/{database_id}/tunnels": Ask(("database.connect", "database.query.read"), {}),
    "POST /api/v1/databases/{database_id}/tunnels #write": Ask(
        ("database.connect", "database.query.write"), {"access": "rw"}
    ),
    "GET /api/v1/databases/{database_id}/tunnels": _one("database.session.read"),
    "DELETE /api/v1/tunnels/{tunnel_id}": _one("database.session.kill"),
    "GET /api/v1/databases/{database_id}/sessions": _one("database.session.read"),
    "GET /api/v1/databases/{database_id}/locks": _one("database.session.read"),
    "POST /api/v1/databases/{database_id}/sessions/{number}/cancel": _one("database.session.kill", fill=SESSION),
    "DELETE /api/v1/databases/{database_id}/sessions/{number}": _one("database.session.kill", fill=SESSION),
    "GET /api/v1/databases/{database_id}/chores": _one("database.read"),
    "POST /api/v1/databases/{database_id}/chores/{name}": _one("database.maintain", fill={"name": "check"}, body={}),
    "GET /api/v1/databases/{database_id}/settings": _one("database.read"),
    "PATCH /api/v1/databases/{database_id}/settings": _one(
        "database.settings.write", body={"settings": {"user_version": "1"}}
    ),
    "GET /api/v1/databases/{database_id}/extensions": _one("database.read"),
    "PUT /api/v1/databases/{database_id}/extensions/{name}": _one("database.extension.write", fill={"name": "vector"}),
    "DELETE /api/v1/databases/{database_id}/extensions/{name}": _one(
        "database.extension.write", fill={"name": "vector"}, body=NAMED
    ),
    "POST /api/v1/databases/{database_id}/upgrades": Ask(
        ("database.upgrade", "snapshot.create"), {"version": "18", "confirm": "db0"}
    ),
    "GET /api/v1/databases/{database_id}/upgrades": _one("database.read"),
    "POST /api/v1/upgrades/{upgrade_id}/take-back": _one("database.upgrade", body=NAMED),
    "PUT /api/v1/databases/{database_id}/exposure": _one("database.expose", body={"allow": ["127.0.0.1"], "key": ""}),
    "GET /api/v1/databases/{database_id}/exposure": _one("database.read"),
    "DELETE /api/v1/databases/{database_id}/exposure": _one("database.expose"),
    "GET /api/v1/tls-authority": Ask(),
    "GET /api/v1/databases/{database_id}/logins": _one("database.read"),
    "POST /api/v1/databases/{database_id}/logins": Ask(
        ("database.login.manage", "database.query.read"), {"name": "walk"}
    ),
    "POST /api/v1/databases/{database_id}/logins #write": Ask(
        ("database.login.manage", "database.query.write"), {"name": "walk", "access": "rw"}
    ),
    "POST /api/v1/logins/{login_id}/rotate": Ask(("database.login.manage", "database.query.read")),
    "POST /api/v1/logins/{login_id}/revoke": _one("database.login.manage"),
    "DELETE /api/v1/logins/{login_id}": _one("database.login.manage", body={"confirm": "login0"}),
    "GET /api/v1/databases/{database_id}/tables": _one("database.read"),
    "POST /api/v1/databases/{database_id}/tables": _one(
        "database.schema.write", body={"name": "t", "columns": [{"name": "a", "type": "int"}]}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}": _one("database.read", fill=TABLE),
    "PATCH /api/v1/databases/{database_id}/tables/{table:path}": _one("database.schema.write", fill=TABLE, body={}),
    "DELETE /api/v1/databases/{database_id}/tables/{table:path}": _one(
        "database.schema.write", fill=TABLE, body={"confirm": "t"}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}/rows": _one("database.query.read", fill=TABLE),
    "POST /api/v1/databases/{database_id}/tables/{table:path}/rows/search": _one(
        "database.query.read", fill=TABLE, body={}
    ),
    "POST /api/v1/databases/{database_id}/tables/{table:path}/rows": _one(
        "database.query.write", fill=TABLE, body={"rows": [{"a": 1}]}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}/row": _one(
        "database.query.read", fill=TABLE, query={"key": "1"}
    ),
    "PATCH /api/v1/databases/{database_id}/tables/{table:path}/row": _one(
        "database.query.write", fill=TABLE, query={"key": "1"}, body={"values": {"a": 1}}, headers=ROW
    ),
    "PUT /api/v1/databases/{database_id}/tables/{table:path}/row": _one(
        "database.query.write", fill=TABLE, body={"values": {"a": 1}}
    ),
    "DELETE /api/v1/databases/{database_id}/tables/{table:path}/row": _one(
        "database.query.write", fill=TABLE, query={"key": "1"}, headers=ROW
    ),
    "POST /api/v1/databases/{database_id}/saved-queries": _one(
        "database.saved.write", body={"name": "walk", "statement": "SELECT 1"}
    ),
    "GET /api/v1/databases/{database_id}/saved-queries": _one("database.query.read"),
    "GET /api/v1/databases/{database_id}/templates": _one("database.read"),
    "GET /api/v1/saved-queries/{saved_query_id}": _one("database.query.read"),
    "PATCH /api/v1/saved-queries/{saved_query_id}": _one("database.saved.write", body={"name": "walk"}),
    "DELETE /api/v1/saved-queries/{saved_query_id}": _one("database.saved.write"),
    "GET /api/v1/saved-queries/{saved_query_id}/versions": _one("database.query.read"),
    "POST /api/v1/saved-queries/{saved_query_id}/run": _one("database.query.read", body={}),
    "POST /api/v1/databases/{database_id}/clone": Ask(
        ("database.clone", "database.create"), {"name": "walk", "environment_id": "$environment"}
    ),
    "GET /api/v1/databases/{database_id}/origin": _one("database.read"),
    "POST /api/v1/databases/{database_id}/migrations": _one("migration.apply", body={"name": "walk", "up": "SELECT 1"}),
    "GET /api/v1/databases/{database_id}/migrations": _one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/status": _one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/history": _one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/drift": _one("migration.read"),
    "POST /api/v1/databases/{database_id}/migrations/apply": _one("migration.apply", body={}),
    "POST /api/v1/databases/{database_id}/migrations/rollback": _one(
        "migration.apply", body={"steps": 1, "confirm": "db0"}
    ),
    "POST /api/v1/databases/{database_id}/migrations/rehearse": _one("migration.apply", body={}),
    "POST /api/v1/databases/{database_id}/migrations/baseline": _one("migration.apply", body={}),
    "GET /api/v1/migrations/{migration_id}": _one("migration.read"),
    "DELETE /api/v1/migrations/{migration_id}": _one("migration.apply"),
    "GET /api/v1/databases/{database_id}/export": _one("database.export", query={"table": "t"}),
    "POST /api/v1/databases/{database_id}/export": _one("database.export", body={"table": "t"}),
    "POST /api/v1/databases/{database_id}/export #statement": Ask(
        ("database.export", "database.query.read"), {"statement": "SELECT 1"}
    ),
    "POST /api/v1/databases/{database_id}/exports": _one("database.export", body={"table": "t"}),
    "POST /api/v1/databases/{database_id}/exports #statement": Ask(
        ("database.export", "database.query.read"), {"statement": "SELECT 1"}
    ),
    "GET /api/v1/exports": _one("database.export", query={"project_id": "$project"}),
    "GET /api/v1/exports/{export_id}": _one("database.export"),
    "GET /api/v1/exports/{export_id}/content": _one("database.export"),
    "DELETE /api/v1/exports/{export_id}": _one("database.export"),
    "POST /api/v1/databases/{database_id}/uploads": _one("database.import", body={"name": "walk.csv", "size": 5}),
    "GET /api/v1/uploads": _one("database.import"),
    "GET /api/v1/uploads/{upload_id}": _one("database.import"),
    "HEAD /api/v1/uploads/{upload_id}/content": _one("database.import"),
    "PUT /api/v1/uploads/{upload_id}/content": _one(
        "database.import", headers={"Content-Range": "bytes 0-4/5"}, body={}
    ),
    "POST /api/v1/uploads/{upload_id}/complete": _one("database.import"),
    "DELETE /api/v1/uploads/{upload_id}": _one("database.import"),
    "POST /api/v1/databases/{database_id}/imports/preview": _one("database.import", body={"upload_id": "$upload"}),
    "POST /api/v1/databases/{database_id}/imports": _one(
        "database.import", body={"upload_id": "$upload", "table": "t"}
    ),
    "GET /api/v1/imports": _one("database.import", query={"project_id": "$project"}),
    "GET /api/v1/imports/{import_id}": _one("database.import"),
    "GET /api/v1/imports/{import_id}/bad-rows": _one("database.import"),
    "POST /api/v1/databases/{database_id}/snapshots": _one("snapshot.create", body={"repository_id": "$repository"}),
    "GET /api/v1/snapshots": _one("snapshot.read", query={"project_id": "$project"}),
    "GET /api/v1/snapshots/{snapshot_id}": _one("snapshot.read"),
    "PATCH /api/v1/snapshots/{snapshot_id}": _one("snapshot.create", body={"tags": ["walk"]}),
    "DELETE /api/v1/snapshots/{snapshot_id}": _one("snapshot.delete", body={"confirm": "$snapshot"}),
    "GET /api/v1/snapshots/{snapshot_id}/verifications": _one("snapshot.read"),
    "POST /api/v1/snapshots/{snapshot_id}/verify": _one("snapshot.verify", body={}),
    "POST /api/v1/snapshots/{snapshot_id}/preview": Ask(
        ("snapshot.restore", "database.create"), {"mode": "new", "name": "walk", "environment_id": "$environment"}
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore": Ask(
        ("snapshot.restore", "database.create"),
        {"mode": "new", "name": "walk", "environment_id": "$environment", "override_unverified": True},
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore #there": Ask(
        ("snapshot.restore", "database.create", "database.register"),
        {
            "mode": "new",
            "name": "walk there",
            "environment_id": "$environment",
            "server": "$database",
            "override_unverified": True,
        },
    ),
    "POST /api/v1/snapshots/{snapshot_id}/restore #in-place": _one(
        "snapshot.restore", body={"mode": "in_place", "confirm": "db0", "override_unverified": True}
    ),
    "GET /api/v1/restores": _one("snapshot.read"),
    "GET /api/v1/snapshots/{snapshot_id}/entries": _one("snapshot.read"),
    "GET /api/v1/snapshots/{snapshot_id}/entries/{path:path}/content": _one(
        "snapshot.download", fill={"path": "manifest.json"}
    ),
    "GET /api/v1/snapshots/{snapshot_id}/tables": _one("snapshot.read"),
    "GET /api/v1/snapshots/{snapshot_id}/tables/{table:path}/rows": _one("snapshot.download", fill={"table": "t"}),
    "GET /api/v1/repositories": _one("repository.read", query={"project_id": "$project"}),
    "POST /api/v1/repositories": _one("repository.create", body={"project_id": "$project", "name": "walk"}),
    "POST /api/v1/repositories #only": _one(
        "repository.create", body={"project_id": "$project", "name": "walk", "environment_id": "$environment"}
    ),
    "POST /api/v1/repositories #s3": _one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "s3", "s3": BUCKET}
    ),
    "POST /api/v1/repositories #gcs": _one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "gcs", "gcs": GOOGLE}
    ),
    "POST /api/v1/repositories #azure": _one(
        "repository.create", body={"project_id": "$project", "name": "walk", "kind": "azure", "azure": AZURE}
    ),
    "GET /api/v1/repositories/{repository_id}": _one("repository.read"),
    "POST /api/v1/repositories/{repository_id}/check": _one("repository.check", body={}),
    "POST /api/v1/repositories/{repository_id}/test": _one("repository.check"),
    "POST /api/v1/repositories/{repository_id}/credential": _one(
        "repository.update",
        body={"access_key_id": "AKIAWALK", "secret_access_key": "a secret of the walk", "session_token": "walking"},
    ),
    "POST /api/v1/repositories/{repository_id}/credential #others": _one(
        "repository.update", body={"service_account_key": "{}", "account_key": "walk", "sas_token": "sig=walk"}
    ),
    "POST /api/v1/repositories/{repository_id}/default": _one("repository.update"),
    "POST /api/v1/repositories/{repository_id}/key": _one("repository.key.reveal"),
    "GET /api/v1/environments/{environment_id}/secrets": _one("secret.read"),
    "POST /api/v1/environments/{environment_id}/secrets/rotate": _one("secret.rotate"),
    "GET /api/v1/environments/{environment_id}/secrets/{name}": _one("secret.read", fill=SECRET),
    "PUT /api/v1/environments/{environment_id}/secrets/{name}": _one("secret.write", fill=SECRET, body={"value": "x"}),
    "DELETE /api/v1/environments/{environment_id}/secrets/{name}": _one(
        "secret.write", fill=SECRET, body={"confirm": SECRET["name"]}
    ),
    "GET /api/v1/environments/{environment_id}/secrets/{name}/versions": _one("secret.read", fill=SECRET),
    "POST /api/v1/environments/{environment_id}/secrets/{name}/reveal": _one("secret.reveal", fill=SECRET),
    "POST /api/v1/environments/{environment_id}/secrets/{name}/restore": _one(
        "secret.write", fill=SECRET, body={"version": 1}
    ),
    "GET /api/v1/system/master-key": _whole("system.read"),
    "POST /api/v1/system/master-key/rotate": _whole("system.key.rotate"),
    "GET /api/v1/system/recovery-kit": _whole("system.read"),
    "POST /api/v1/system/recovery-kit": _whole("system.key.rotate", body={"passphrase": "x" * 20}),
}
# Web sockets: refused with an ordinary answer before they are accepted. `owner` of the tunnel is the asking key itself.
SOCKETS: dict[str, Ask] = {
    "WS /api/v1/databases/{database_id}/connect": _one("database.connect", query={"tunnel": "$tunnel"}),
}
STEP_UP = (
    "DELETE /api/v1/nodes/{node_id}",
    "POST /api/v1/databases/{database_id}/clone",
    "POST /api/v1/databases/{database_id}/migrations/rollback",
    "POST /api/v1/account/totp",
    "POST /api/v1/account/totp/confirm",
    "DELETE /api/v1/account/totp",
    "POST /api/v1/account/recovery-codes",
    "POST /api/v1/account/passkeys/options",
    "POST /api/v1/account/passkeys",
    "PUT /api/v1/system/second-factor",
    "POST /api/v1/sso/{provider_id}/link",
    "POST /api/v1/sso/providers",
    "PATCH /api/v1/sso/providers/{provider_id}",
    "DELETE /api/v1/sso/providers/{provider_id}",
    "POST /api/v1/roles",
    "PATCH /api/v1/roles/{role_id}",
    "DELETE /api/v1/roles/{role_id}",
    "POST /api/v1/grants",
    "POST /api/v1/grants #project",
    "POST /api/v1/grants #environment",
    "DELETE /api/v1/grants/{grant_id}",
    "PATCH /api/v1/users/{user_id} #role",
    "PATCH /api/v1/users/{user_id} #disabled",
    "DELETE /api/v1/users/{user_id}",
    "POST /api/v1/users/{user_id}/reset",
    "POST /api/v1/invites",
    "POST /api/v1/tokens/keys/rotate",
    "POST /api/v1/keys",
    "PATCH /api/v1/environments/{environment_id} #restore",
    "PATCH /api/v1/environments/{environment_id} #unmasked",
    "POST /api/v1/databases/{database_id}/url",
    "POST /api/v1/databases/{database_id}/passwords/rotate",
    "POST /api/v1/databases/{database_id}/tunnels",
    "POST /api/v1/databases/{database_id}/logins",
    "PUT /api/v1/databases/{database_id}/exposure",
    "POST /api/v1/databases/{database_id}/upgrades",
    "POST /api/v1/upgrades/{upgrade_id}/take-back",
    "POST /api/v1/logins/{login_id}/rotate",
    "POST /api/v1/snapshots/{snapshot_id}/restore #in-place",
    "POST /api/v1/repositories/{repository_id}/credential",
    "POST /api/v1/repositories/{repository_id}/credential #others",
    "POST /api/v1/repositories/{repository_id}/key",
    "POST /api/v1/environments/{environment_id}/secrets/{name}/reveal",
    "POST /api/v1/system/master-key/rotate",
    "POST /api/v1/system/recovery-kit",
)

"""Routes of whoever calls: sessions, factors, people, keys, tokens, single sign-on, roles and grants."""

from __future__ import annotations

from walk_ask import Ask, one, whole

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
    "HEAD /": Ask(),
    "GET /plain": Ask(),
    "HEAD /plain": Ask(),
    "GET /assets/{name}": Ask(fill={"name": "page.css"}),
    "HEAD /assets/{name}": Ask(fill={"name": "page.css"}),
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
    "GET /api/v1/downloads/{download_id}/content": Ask(query={"expires": "1", "signature": "x"}),
    "HEAD /api/v1/downloads/{download_id}/content": Ask(query={"expires": "1", "signature": "x"}),
    "GET /api/v1/sso/{provider_id}/start": Ask(),
    "GET /api/v1/sso/{provider_id}/callback": Ask(query={"code": "x", "state": "x"}),
}
PEOPLE: dict[str, Ask] = {
    "GET /api/docs": Ask(),
    "GET /api/docs/{name}": Ask(fill={"name": "docs.js"}),
    "GET /api/openapi.json": Ask(),
    "GET /health": one("system.read"),
    "GET /health/ready": one("system.read"),
    "GET /api/v1/session": Ask(),
    "DELETE /api/v1/session": Ask(),
    "POST /api/v1/session/step-up": Ask(body={"password": PERSON["password"]}),
    "POST /api/v1/session/step-up #second": Ask(
        body={"password": PERSON["password"], "code": "000000", "passkey": PASSKEY}
    ),
    "POST /api/v1/session/step-up/options": Ask(),
    "GET /api/v1/account": Ask(),
    "PATCH /api/v1/account": Ask(body={"name": "walk"}),
    "GET /api/v1/account/factors": Ask(),
    "GET /api/v1/users/{user_id}/factors": whole("user.read"),
    "POST /api/v1/account/totp": Ask(),
    "POST /api/v1/account/totp/confirm": Ask(body={"code": "000000"}),
    "DELETE /api/v1/account/totp": Ask(),
    "POST /api/v1/account/recovery-codes": Ask(),
    "POST /api/v1/account/passkeys/options": Ask(),
    "POST /api/v1/account/passkeys": Ask(body=NEW_PASSKEY),
    "GET /api/v1/account/passkeys": Ask(),
    "PATCH /api/v1/account/passkeys/{passkey_id}": Ask(body={"name": "walk"}),
    "DELETE /api/v1/account/passkeys/{passkey_id}": Ask(),
    "GET /api/v1/system/second-factor": whole("system.read"),
    "PUT /api/v1/system/second-factor": whole("system.admin", body={"everyone": False}),
    "POST /api/v1/session/first-run/link": whole("system.admin"),
    "POST /api/v1/session/password": Ask(body={"old_password": "x", "new_password": PERSON["password"]}),
    "GET /api/v1/sessions": Ask(),
    "DELETE /api/v1/sessions/{session_id}": Ask(),
    "POST /api/v1/sessions/revoke-others": Ask(),
    "GET /api/v1/users": whole("user.read"),
    "GET /api/v1/users/{user_id}": whole("user.read"),
    "PATCH /api/v1/users/{user_id}": whole("user.update", body={"name": "walk"}),
    "PATCH /api/v1/users/{user_id} #role": whole("user.update", body={"role": "viewer"}),
    "PATCH /api/v1/users/{user_id} #disabled": whole("user.update", body={"disabled": True}),
    "DELETE /api/v1/users/{user_id}": whole("user.delete", body={"confirm": "walk@example.org"}),
    "POST /api/v1/users/{user_id}/reset": whole("user.reset"),
    "GET /api/v1/users/{user_id}/sessions": whole("user.read"),
    "DELETE /api/v1/users/{user_id}/sessions": whole("user.reset"),
    "POST /api/v1/invites": whole("user.invite", body={"email": "walk@example.org"}),
    "GET /api/v1/invites": whole("user.read"),
    "DELETE /api/v1/invites/{invite_id}": whole("user.invite"),
    "GET /api/v1/permissions": Ask(),
    "POST /api/v1/keys": one("key.create", body={"name": "walk", "permissions": []}),
    "POST /api/v1/keys #limited": one("key.create", body={"name": "walk", "permissions": [], "projects": ["$project"]}),
    "POST /api/v1/keys #environment": one(
        "key.create", body={"name": "walk", "permissions": [], "environments": ["$environment"]}
    ),
    "POST /api/v1/keys #resource": one(
        "key.create", body={"name": "walk", "permissions": [], "resources": ["$database"]}
    ),
    "POST /api/v1/keys/{key_id}/rotate": one("key.rotate", body={}),
    "GET /api/v1/keys": one("key.read"),
    "GET /api/v1/keys/{key_id}": one("key.read"),
    "DELETE /api/v1/keys/{key_id}": one("key.revoke"),
    "GET /api/v1/tokens": Ask(),
    "GET /api/v1/tokens #someone": whole("user.read", query={"user_id": "usr_walk"}),
    "DELETE /api/v1/tokens/{family_id}": whole("token.revoke"),
    "POST /api/v1/tokens/keys/rotate": whole("system.key.rotate", body={}),
    "GET /api/v1/sso/identities": Ask(),
    "DELETE /api/v1/sso/identities/{identity_id}": Ask(),
    "POST /api/v1/sso/{provider_id}/link": Ask(fill={"provider_id": "idp_walk"}),
    "POST /api/v1/sso/{provider_id}/step-up": Ask(fill={"provider_id": "idp_walk"}),
    "GET /api/v1/sso/providers": whole("sso.read"),
    "POST /api/v1/sso/providers": whole("sso.manage", body=PROVIDER),
    "POST /api/v1/sso/providers #private": Ask(
        ("sso.manage", "system.admin"), {**PROVIDER, "allow_private": True}, everywhere=True
    ),
    "GET /api/v1/sso/providers/{provider_id}": whole("sso.read"),
    "PATCH /api/v1/sso/providers/{provider_id}": whole("sso.manage", body={"name": "walk", "client_secret": "walk"}),
    "DELETE /api/v1/sso/providers/{provider_id}": whole("sso.manage"),
    "POST /api/v1/sso/providers/{provider_id}/test": whole("sso.manage"),
    "GET /api/v1/roles": one("role.read"),
    "POST /api/v1/roles": whole("role.manage", body={"name": "walker", "permissions": ["run.read"]}),
    "GET /api/v1/roles/{role_id}": one("role.read", fill={"role_id": "viewer"}),
    "PATCH /api/v1/roles/{role_id}": whole("role.manage", body={"description": "walk"}),
    "DELETE /api/v1/roles/{role_id}": whole("role.manage"),
    "GET /api/v1/grants": one("role.read", query={"project_id": "$project"}),
    "POST /api/v1/grants": whole("role.grant", body={"email": "walker@example.org", "role": "viewer"}),
    "POST /api/v1/grants #project": one(
        "role.grant", body={"email": "walker@example.org", "role": "viewer", "project_id": "$project"}
    ),
    "POST /api/v1/grants #environment": one(
        "role.grant", body={"email": "walker@example.org", "role": "viewer", "environment_id": "$environment"}
    ),
    "DELETE /api/v1/grants/{grant_id}": one("role.grant"),
    "GET /api/v1/projects/{project_id}/members": one("role.read"),
}

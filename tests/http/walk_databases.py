"""Routes of databases and what is in them."""

from __future__ import annotations

from walk_ask import Ask, one

TABLE = {"table": "t"}
ROW = {"If-Match": '"r' + "0" * 32 + '"'}  # a row's digest
FAR = {"host": "127.0.0.1", "port": 9, "user": "app", "tls": "disable"}  # refused: loopback is not opened here
FAR_SECRETS = {
    "url": "postgresql://app@127.0.0.1:9/x",
    "password": "walking",
    "reader_password": "walking",
    "key": "walking",
    "ssh": {"host": "127.0.0.1", "user": "walk", "password": "walking"},
}
NAMED = {"confirm": "db0"}
SESSION = {"number": "4711"}  # at a database's server
DATABASES: dict[str, Ask] = {
    "GET /api/v1/engines": one("database.read"),
    "GET /api/v1/engines/{name}": one("database.read", fill={"name": "sqlite"}),
    "POST /api/v1/databases": one(
        "database.create", body={"environment_id": "$environment", "engine": "sqlite", "name": "walk"}
    ),
    "POST /api/v1/databases/external": one(
        "database.register",
        body={"environment_id": "$environment", "engine": "postgresql", "name": "far", "target": FAR},
    ),
    "POST /api/v1/databases/external/test": one(
        "database.register", body={"environment_id": "$environment", "engine": "postgresql", "target": FAR}
    ),
    "POST /api/v1/databases/external/host-key": one(
        "database.register", body={"environment_id": "$environment", "host": "127.0.0.1", "port": 9}
    ),
    "PUT /api/v1/databases/{database_id}/external": one("database.register", body=FAR),
    "PUT /api/v1/databases/{database_id}/external #secrets": one("database.register", body=FAR | FAR_SECRETS),
    "GET /api/v1/databases/{database_id}/report": one("database.read"),
    "POST /api/v1/databases/{database_id}/report": one("database.register"),
    "GET /api/v1/databases": one("database.read", query={"project_id": "$project"}),
    "GET /api/v1/databases/{database_id}": one("database.read"),
    "PATCH /api/v1/databases/{database_id}": one("database.update", body={"notes": "walk"}),
    "DELETE /api/v1/databases/{database_id}": one("database.delete", body=NAMED),
    "POST /api/v1/databases/{database_id}/undelete": one("database.undelete"),
    "POST /api/v1/databases/{database_id}/purge": one("database.purge", body=NAMED),
    "POST /api/v1/databases/{database_id}/start": one("database.start"),
    "POST /api/v1/databases/{database_id}/stop": one("database.stop"),
    "POST /api/v1/databases/{database_id}/passwords/rotate": one("database.password.rotate", body=NAMED),
    "POST /api/v1/databases/{database_id}/resize": one("database.resize", body={"spec": {"cpus": 1}}),
    "GET /api/v1/databases/{database_id}/url": one("database.read"),
    "POST /api/v1/databases/{database_id}/url": one("database.url.reveal", body={"access": "owner"}),
    "GET /api/v1/databases/{database_id}/catalog": one("database.read"),
    "GET /api/v1/databases/{database_id}/statements": one("database.statements.read"),
    "POST /api/v1/databases/{database_id}/query": one("database.query.read", body={"statement": "SELECT 1"}),
    "POST /api/v1/databases/{database_id}/query #write": one(
        "database.query.write", body={"statement": "SELECT 1", "write": True}
    ),
    "GET /api/v1/databases/{database_id}/keys": one("database.query.read"),
    "POST /api/v1/databases/{database_id}/keys/read": one("database.query.read", body={"name": "k"}),
    "PUT /api/v1/databases/{database_id}/keys": one(
        "database.query.write", body={"name": "k", "type": "string", "elements": ["v"]}
    ),
    "PATCH /api/v1/databases/{database_id}/keys": one("database.query.write", body={"name": "k", "put": ["v"]}),
    "DELETE /api/v1/databases/{database_id}/keys": one("database.query.write", body={"name": "k"}),
    "POST /api/v1/databases/{database_id}/tunnels": Ask(("database.connect", "database.query.read"), {}),
    "POST /api/v1/databases/{database_id}/tunnels #write": Ask(
        ("database.connect", "database.query.write"), {"access": "rw"}
    ),
    "GET /api/v1/databases/{database_id}/tunnels": one("database.session.read"),
    "DELETE /api/v1/tunnels/{tunnel_id}": one("database.session.kill"),
    "GET /api/v1/databases/{database_id}/sessions": one("database.session.read"),
    "GET /api/v1/databases/{database_id}/locks": one("database.session.read"),
    "POST /api/v1/databases/{database_id}/sessions/{number}/cancel": one("database.session.kill", fill=SESSION),
    "DELETE /api/v1/databases/{database_id}/sessions/{number}": one("database.session.kill", fill=SESSION),
    "GET /api/v1/databases/{database_id}/chores": one("database.read"),
    "POST /api/v1/databases/{database_id}/chores/{name}": one("database.maintain", fill={"name": "check"}, body={}),
    "GET /api/v1/databases/{database_id}/settings": one("database.read"),
    "PATCH /api/v1/databases/{database_id}/settings": one(
        "database.settings.write", body={"settings": {"user_version": "1"}}
    ),
    "GET /api/v1/databases/{database_id}/extensions": one("database.read"),
    "PUT /api/v1/databases/{database_id}/extensions/{name}": one("database.extension.write", fill={"name": "vector"}),
    "DELETE /api/v1/databases/{database_id}/extensions/{name}": one(
        "database.extension.write", fill={"name": "vector"}, body=NAMED
    ),
    "POST /api/v1/databases/{database_id}/upgrades": Ask(
        ("database.upgrade", "snapshot.create"), {"version": "18", "confirm": "db0"}
    ),
    "GET /api/v1/databases/{database_id}/upgrades": one("database.read"),
    "POST /api/v1/upgrades/{upgrade_id}/take-back": one("database.upgrade", body=NAMED),
    "PUT /api/v1/databases/{database_id}/exposure": one("database.expose", body={"allow": ["127.0.0.1"], "key": ""}),
    "GET /api/v1/databases/{database_id}/exposure": one("database.read"),
    "DELETE /api/v1/databases/{database_id}/exposure": one("database.expose"),
    "GET /api/v1/tls-authority": Ask(),
    "GET /api/v1/databases/{database_id}/logins": one("database.read"),
    "POST /api/v1/databases/{database_id}/logins": Ask(
        ("database.login.manage", "database.query.read"), {"name": "walk"}
    ),
    "POST /api/v1/databases/{database_id}/logins #write": Ask(
        ("database.login.manage", "database.query.write"), {"name": "walk", "access": "rw"}
    ),
    "POST /api/v1/logins/{login_id}/rotate": Ask(("database.login.manage", "database.query.read")),
    "POST /api/v1/logins/{login_id}/revoke": one("database.login.manage"),
    "DELETE /api/v1/logins/{login_id}": one("database.login.manage", body={"confirm": "login0"}),
    "GET /api/v1/databases/{database_id}/tables": one("database.read"),
    "POST /api/v1/databases/{database_id}/tables": one(
        "database.schema.write", body={"name": "t", "columns": [{"name": "a", "type": "int"}]}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}": one("database.read", fill=TABLE),
    "PATCH /api/v1/databases/{database_id}/tables/{table:path}": one("database.schema.write", fill=TABLE, body={}),
    "DELETE /api/v1/databases/{database_id}/tables/{table:path}": one(
        "database.schema.write", fill=TABLE, body={"confirm": "t"}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}/rows": one("database.query.read", fill=TABLE),
    "POST /api/v1/databases/{database_id}/tables/{table:path}/rows/search": one(
        "database.query.read", fill=TABLE, body={}
    ),
    "POST /api/v1/databases/{database_id}/tables/{table:path}/rows": one(
        "database.query.write", fill=TABLE, body={"rows": [{"a": 1}]}
    ),
    "GET /api/v1/databases/{database_id}/tables/{table:path}/row": one(
        "database.query.read", fill=TABLE, query={"key": "1"}
    ),
    "PATCH /api/v1/databases/{database_id}/tables/{table:path}/row": one(
        "database.query.write", fill=TABLE, query={"key": "1"}, body={"values": {"a": 1}}, headers=ROW
    ),
    "PUT /api/v1/databases/{database_id}/tables/{table:path}/row": one(
        "database.query.write", fill=TABLE, body={"values": {"a": 1}}
    ),
    "DELETE /api/v1/databases/{database_id}/tables/{table:path}/row": one(
        "database.query.write", fill=TABLE, query={"key": "1"}, headers=ROW
    ),
    "POST /api/v1/databases/{database_id}/saved-queries": one(
        "database.saved.write", body={"name": "walk", "statement": "SELECT 1"}
    ),
    "GET /api/v1/databases/{database_id}/saved-queries": one("database.query.read"),
    "GET /api/v1/databases/{database_id}/templates": one("database.read"),
    "GET /api/v1/saved-queries/{saved_query_id}": one("database.query.read"),
    "PATCH /api/v1/saved-queries/{saved_query_id}": one("database.saved.write", body={"name": "walk"}),
    "DELETE /api/v1/saved-queries/{saved_query_id}": one("database.saved.write"),
    "GET /api/v1/saved-queries/{saved_query_id}/versions": one("database.query.read"),
    "POST /api/v1/saved-queries/{saved_query_id}/run": one("database.query.read", body={}),
    "POST /api/v1/databases/{database_id}/clone": Ask(
        ("database.clone", "database.create"), {"name": "walk", "environment_id": "$environment"}
    ),
    "GET /api/v1/databases/{database_id}/origin": one("database.read"),
    "POST /api/v1/databases/{database_id}/migrations": one("migration.apply", body={"name": "walk", "up": "SELECT 1"}),
    "GET /api/v1/databases/{database_id}/migrations": one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/status": one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/history": one("migration.read"),
    "GET /api/v1/databases/{database_id}/migrations/drift": one("migration.read"),
    "POST /api/v1/databases/{database_id}/migrations/apply": one("migration.apply", body={}),
    "POST /api/v1/databases/{database_id}/migrations/rollback": one(
        "migration.apply", body={"steps": 1, "confirm": "db0"}
    ),
    "POST /api/v1/databases/{database_id}/migrations/rehearse": one("migration.apply", body={}),
    "POST /api/v1/databases/{database_id}/migrations/baseline": one("migration.apply", body={}),
    "GET /api/v1/migrations/{migration_id}": one("migration.read"),
    "DELETE /api/v1/migrations/{migration_id}": one("migration.apply"),
    "GET /api/v1/databases/{database_id}/export": one("database.export", query={"table": "t"}),
    "POST /api/v1/databases/{database_id}/export": one("database.export", body={"table": "t"}),
    "POST /api/v1/databases/{database_id}/export #statement": Ask(
        ("database.export", "database.query.read"), {"statement": "SELECT 1"}
    ),
    "POST /api/v1/databases/{database_id}/exports": one("database.export", body={"table": "t"}),
    "POST /api/v1/databases/{database_id}/exports #statement": Ask(
        ("database.export", "database.query.read"), {"statement": "SELECT 1"}
    ),
    "GET /api/v1/exports": one("database.export", query={"project_id": "$project"}),
    "GET /api/v1/exports/{export_id}": one("database.export"),
    "GET /api/v1/exports/{export_id}/content": one("database.export"),
    "DELETE /api/v1/exports/{export_id}": one("database.export"),
    "POST /api/v1/databases/{database_id}/uploads": one("database.import", body={"name": "walk.csv", "size": 5}),
    "GET /api/v1/uploads": one("database.import"),
    "GET /api/v1/uploads/{upload_id}": one("database.import"),
    "HEAD /api/v1/uploads/{upload_id}/content": one("database.import"),
    "PUT /api/v1/uploads/{upload_id}/content": one(
        "database.import", headers={"Content-Range": "bytes 0-4/5"}, body={}
    ),
    "POST /api/v1/uploads/{upload_id}/complete": one("database.import"),
    "DELETE /api/v1/uploads/{upload_id}": one("database.import"),
    "POST /api/v1/databases/{database_id}/imports/preview": one("database.import", body={"upload_id": "$upload"}),
    "POST /api/v1/databases/{database_id}/imports": one("database.import", body={"upload_id": "$upload", "table": "t"}),
    "GET /api/v1/imports": one("database.import", query={"project_id": "$project"}),
    "GET /api/v1/imports/{import_id}": one("database.import"),
    "GET /api/v1/imports/{import_id}/bad-rows": one("database.import"),
}

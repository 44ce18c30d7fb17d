import uuid

from flask import Flask, jsonify, request
from flask_cors import CORS
from pyodide.ffi import JsException, run_sync
from werkzeug.exceptions import HTTPException

from workers import wsgi

app = Flask(__name__)
app.json.sort_keys = False
CORS(app, origins="*", send_wildcard=True)


@app.errorhandler(HTTPException)
def told(error):
    return jsonify({"detail": error.name}), error.code


def db():
    return request.environ["workers.env"].DB


def shown(row):
    base = request.url_root.rstrip("/")
    return {
        "id": row.id,
        "title": row.title,
        "completed": bool(row.completed),
        "order": row.order,
        "url": f"{base}/todos/{row.id}",
    }


def one(key):
    row = run_sync(db().prepare("SELECT * FROM todos WHERE id = ?").bind(key).first())
    return jsonify({"error": "not found"} if row is None else shown(row))


@app.get("/todos")
def every():
    return jsonify([shown(row) for row in run_sync(db().prepare("SELECT * FROM todos").all()).results])


@app.post("/todos")
def create():
    body = request.get_json(silent=True) or {}
    key = str(uuid.uuid4())
    insert = db().prepare('INSERT INTO todos (id, title, completed, "order") VALUES (?, ?, ?, ?)')
    run_sync(insert.bind(key, body.get("title", ""), int(body.get("completed", False)), body.get("order")).run())
    return one(key)


@app.patch("/todos/<key>")
def update(key):
    body = request.get_json(silent=True) or {}
    sets = [f'"{name}" = ?' for name in ("title", "completed", "order") if name in body]
    values = [body[name] for name in ("title", "completed", "order") if name in body]
    run_sync(db().prepare(f"UPDATE todos SET {', '.join(sets)} WHERE id = ?").bind(*values, key).run())
    return one(key)


@app.get("/todos/<key>")
def get(key):
    return one(key)


@app.delete("/todos/<key>")
def delete(key):
    run_sync(db().prepare("DELETE FROM todos WHERE id = ?").bind(key).run())
    return jsonify([])


@app.get("/wrong")
def wrong():
    try:
        run_sync(db().prepare("NONSENSE").run())
    except JsException as error:
        return jsonify({"caught": error.message})


Default = wsgi.entrypoint(app)

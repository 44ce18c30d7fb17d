import uuid

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware

from workers import WorkerEntrypoint

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])


def db(request):
    return request.scope["env"].DB


def shown(row, request):
    base = str(request.base_url).rstrip("/")
    return {
        "id": row.id,
        "title": row.title,
        "completed": bool(row.completed),
        "order": row.order,
        "url": f"{base}/todos/{row.id}",
    }


async def one(key, request):
    row = await db(request).prepare("SELECT * FROM todos WHERE id = ?").bind(key).first()
    return {"error": "not found"} if row is None else shown(row, request)


@app.get("/todos")
async def every(request: Request):
    found = await db(request).prepare("SELECT * FROM todos").all()
    return [shown(row, request) for row in found.results]


@app.post("/todos")
async def create(request: Request):
    body = await request.json()
    key = str(uuid.uuid4())
    insert = db(request).prepare('INSERT INTO todos (id, title, completed, "order") VALUES (?, ?, ?, ?)')
    await insert.bind(key, body.get("title", ""), int(body.get("completed", False)), body.get("order")).run()
    return await one(key, request)


@app.patch("/todos/{key}")
async def update(key: str, request: Request):
    body = await request.json()
    sets = [f'"{name}" = ?' for name in ("title", "completed", "order") if name in body]
    values = [body[name] for name in ("title", "completed", "order") if name in body]
    await db(request).prepare(f"UPDATE todos SET {', '.join(sets)} WHERE id = ?").bind(*values, key).run()
    return await one(key, request)


@app.get("/todos/{key}")
async def get(key: str, request: Request):
    return await one(key, request)


@app.delete("/todos/{key}")
async def delete(key: str, request: Request):
    await db(request).prepare("DELETE FROM todos WHERE id = ?").bind(key).run()
    return []


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import asgi

        return await asgi.fetch(app, request.js_object, self.env)

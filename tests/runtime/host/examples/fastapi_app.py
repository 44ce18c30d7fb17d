from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from workers import WorkerEntrypoint, asgi


@asynccontextmanager
async def lifespan(app):
    print("starting")
    yield {"ready": "yes"}
    print("stopping")


app = FastAPI(lifespan=lifespan)


class Item(BaseModel):
    name: str
    price: float


@app.get("/")
async def root():
    return {"message": "Hello"}


@app.get("/env")
async def from_scope(req: Request):
    return {"message": req.scope["env"].MESSAGE, "state": req.state.ready, "client": req.client.host}


@app.get("/depends")
async def from_depends(env=Depends(asgi.env.dependency), sync: int = 0):
    return {"message": env.MESSAGE}


@app.get("/env-itself")
async def from_env(env=asgi.env):
    return {"message": env.MESSAGE}


@app.get("/sync/{number}")
def threaded(number: int):
    print("in a thread")
    return {"double": number * 2}


@app.post("/items")
async def create(item: Item):
    return item


@app.post("/upload")
async def upload(req: Request):
    pieces = [piece async for piece in req.stream()]
    return {"size": len(b"".join(pieces)), "pieces": len(pieces) > 2}


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(5):
            yield f"{number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/fail")
async def fail():
    raise RuntimeError("from the application")


@app.websocket("/ws")
async def echo(socket: WebSocket):
    await socket.accept(subprotocol="echo" if "echo" in socket.scope["subprotocols"] else None)
    while True:
        text = await socket.receive_text()
        if text == "bye":
            await socket.close(4001, "as asked")
            return
        await socket.send_text(f"{socket.scope['env'].MESSAGE} {text}")


@app.websocket("/refused")
async def refused(socket: WebSocket):
    await socket.close()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import asgi as alias

        return await alias.fetch(app, request.js_object, self.env)

"""A WebSocket that answers what it is told."""

from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if (request.headers.get("upgrade") or "").lower() != "websocket":
            return Response("Connect with a WebSocket.\n", status=426, headers={"upgrade": "websocket"})
        client, server = WebSocketPair.new().object_values()
        server.accept()

        def answer(event):
            server.send("bye" if event.data == "close" else event.data)
            if event.data == "close":
                server.close(1000, "as asked")

        server.addEventListener("message", create_proxy(answer))
        return Response(None, status=101, web_socket=client)

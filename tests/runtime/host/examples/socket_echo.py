from js import Object, WebSocketPair
from pyodide.ffi import create_proxy

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers.get("Upgrade") != "websocket":
            return Response("Expected WebSocket upgrade", status=426)
        client, server = Object.values(WebSocketPair.new())
        server.accept()

        async def on_message(event):
            if event.data == "fail":
                raise RuntimeError("in the listener")
            if event.data == "close":
                server.close(4000, "bye")
                return
            server.send(event.data)

        def on_close(event):
            print("closed", event.code, event.reason)

        server.addEventListener("message", create_proxy(on_message))
        server.addEventListener("close", create_proxy(on_close))
        server.send("welcome")
        return Response(None, status=101, web_socket=client)

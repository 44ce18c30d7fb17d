"""Runs one behaviour for each request: GET /<suite>/<name>. What is not as it should be is the answer's text.

A WebSocket is passed on to the other worker.
"""

import importlib
import traceback

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.headers.get("upgrade") == "websocket":
            return await self.env.OTHER.fetch(request)
        suite, name = request.url.split("/")[-2:]
        behaviour = getattr(importlib.import_module(f"{suite}_behaviours"), name, None)
        if behaviour is None:
            return Response(f"the suite {suite} has no behaviour {name}", status=404)
        try:
            await behaviour(self.env)
        except Exception:  # noqa: BLE001 - the answer tells it
            return Response(traceback.format_exc(), status=500)
        return Response("as it should be")

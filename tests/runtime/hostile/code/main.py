"""A worker that does whatever it is told: the body of a request is Python, run with everything a worker has."""

import ast
import inspect

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        names = {"env": self.env, "ctx": self.ctx, "request": request, "told": None, "answer": None}
        script = compile(await request.text(), "script", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(script, names)  # noqa: S307
        if inspect.iscoroutine(done):
            await done
        return names["answer"] or Response.from_json(names["told"])

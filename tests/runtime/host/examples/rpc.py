from datetime import datetime

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    secret = "not callable"

    async def fetch(self, request):
        return Response(f"public {request.url}")

    async def add(self, a, b=0):
        return {"sum": a + b, "env": self.env.MESSAGE}

    def plain(self, value):
        return value["inner"]["x"] if isinstance(value, dict) else value

    async def fail(self):
        raise ValueError("no such order")

    def now(self):
        return datetime.now().year > 2000

    def _private(self):
        return "private"


class Admin(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"admin {request.url} {await request.text()}")

    async def who(self):
        return "admin"

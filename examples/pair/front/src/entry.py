"""Asks another worker: no network, no address, no password."""

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method != "POST":
            return await self.env.WORDS.fetch(request)
        text = await request.text()
        counted = await self.env.WORDS.count(text)
        common = await self.env.WORDS.common(text, 3)
        return Response.from_json({**counted, "common": common})

"""A worker like others: counts its visits where it keeps them."""

from workers import Response, WorkerEntrypoint

VISITS = [0]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        VISITS[0] += 1
        await self.env.KV.put("visits", str(VISITS[0]))
        return Response.from_json({"visits": int(await self.env.KV.get("visits")), "secret": len(self.env.SECRET)})

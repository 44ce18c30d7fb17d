"""A schedule that removes old rows; `fetch` shows what is left."""

from workers import Response, WorkerEntrypoint

DAY = 24 * 3600


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        left = await self.env.DB.prepare("select count(*) as count, min(at) as oldest from events").first()
        return Response.from_json({"count": left["count"], "oldest": left["oldest"]})

    async def scheduled(self, controller, env, ctx):
        before = controller.scheduledTime / 1000 - self.env.KEEP_DAYS * DAY
        done = await self.env.DB.prepare("delete from events where at < ?").bind(int(before)).run()
        print(f"{controller.cron}: {done.meta.changes} events removed")

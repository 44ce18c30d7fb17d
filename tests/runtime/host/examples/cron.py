from workers import Response, WorkerEntrypoint

seen = []


class Default(WorkerEntrypoint):
    async def scheduled(self, controller, env, ctx):
        print("cron", controller.cron)
        if controller.cron == "0 0 * * *":
            raise ValueError("the nightly work failed")
        seen.append((controller.cron, controller.scheduledTime, controller.type))
        ctx.waitUntil(self.later())

    async def later(self):
        seen.append("later")

    async def fetch(self, request):
        return Response.json(seen)

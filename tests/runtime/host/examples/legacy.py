from js import Response


async def on_fetch(request, env, ctx):
    if request.method == "POST":
        data = await request.json()
        return Response.json({"got": data})
    return Response.new("legacy " + env.MESSAGE)


async def on_scheduled(controller, env, ctx):
    print("legacy cron", controller.cron, env.MESSAGE)

from workers import Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        where = request.headers["x-target"]
        options = {}
        if request.headers.has("x-redirect"):
            options["redirect"] = request.headers["x-redirect"]
        if request.headers.has("x-timeout"):
            options["timeout"] = float(request.headers["x-timeout"])
        body = request.body if request.method == "POST" else None
        try:
            answer = await fetch(where, method=request.method, body=body, headers={"x-one": 1}, **options)
        except (ConnectionError, TimeoutError, ValueError) as error:
            return Response(f"{type(error).__name__}: {error}", status=502)
        return Response(
            answer.body, status=answer.status, headers={"x-url": answer.url, "x-redirected": answer.redirected}
        )

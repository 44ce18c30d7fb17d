from urllib.parse import parse_qs, urlparse

from js import URL, Object, console
from pyodide.ffi import to_js

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        params = parse_qs(urlparse(request.url).query)
        name = url.searchParams.get("name") or "nobody"
        console.log("asked for", {"name": name})
        options = to_js({"headers": {"content-type": "text/plain"}}, dict_converter=Object.fromEntries)
        if url.pathname == "/js":
            from js import Response as JsResponse

            return JsResponse.new(f"js {name}", options)
        return Response(f"{url.pathname} {name} {params}", headers=options.headers)

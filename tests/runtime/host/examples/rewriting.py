import js
from js import HTMLRewriter
from pyodide.ffi import create_proxy

from workers import Response, WorkerEntrypoint

PAGE = """<!doctype html>
<html>
<head><title>Tea &amp; more</title>
<meta property="og:title" content="old"><meta name="author" content="Ada"><meta property="og:image" content="/old.png">
</head>
<body><h1>Tea</h1><script>if (1 < 2) document.write("<head>")</script></body>
</html>
"""


class Remover:
    def element(self, element):
        element.remove()


class Preview:
    def __init__(self, title):
        self.title = title

    async def element(self, element):
        answer = Response(self.title)
        title = js.encodeURIComponent(await answer.text())
        element.prepend(f'<meta property="og:title" content="{title}">', html=True)


class Failing:
    def element(self, element):
        raise LookupError("no such tea")


async def pieces():
    for at in range(0, len(PAGE), 7):
        yield PAGE[at : at + 7]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        headers = {"content-type": "text/html; charset=utf-8", "x-kept": "yes"}
        if request.url.endswith("/stream"):
            page = Response(pieces(), headers=headers)
        else:
            page = Response(PAGE, headers={**headers, "content-length": str(len(PAGE))})
        rewriter = HTMLRewriter.new()
        if request.url.endswith("/plain"):
            return rewriter.transform(page)
        if request.url.endswith("/fails"):
            return rewriter.on("h1", create_proxy(Failing())).transform(page)
        rewriter.on('meta[property^="og:"]', create_proxy(Remover()))
        rewriter.on("head", create_proxy(Preview("Green tea")))
        return rewriter.transform(page.js_object)

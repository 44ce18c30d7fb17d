"""HTMLRewriter: what handlers change is changed, everything else leaves as it came, however the page arrives."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewriter_cases import ELEMENTS, HTML, PAGE, TOKENS, Calls
from test_host_examples import example

from holdfast.runtime.python.javascript import JsObject
from holdfast.runtime.python.rewriting import HTMLRewriter
from holdfast.runtime.python.rewriting.rewriter import encoding_of
from holdfast.runtime.python.rewriting.tokens import Tokenizer
from holdfast.runtime.python.rewriting.unfinished import MOST
from holdfast.runtime.python.workers import BodyUsedError, ReadableStream, Response

Start = Callable[..., Any]
Handle = Callable[[Any], Any]
MANY = settings(max_examples=300, deadline=None)
_PARTS = """<a href='x'>|<b>|</b>|</a>|<p class=x>|</p>|<br/>|text|é|<| |</|<!|<!--|-->|<!--c-->|<script>|</script>
<title>|</title>|<svg>|</svg>|<![CDATA[|]]>|<a b=" ">|>|<?x>|<!doctype html>|<x-y a=1 a=2 >|<style></style>|--|]"""
PARTS = st.sampled_from(_PARTS.replace("\n", "|").split("|"))
PAGES = st.one_of(st.binary(max_size=60), st.lists(PARTS, max_size=25).map(lambda parts: "".join(parts).encode()))


class Handlers:
    """An object with the handlers it is given."""

    def __init__(self, **handlers: Handle) -> None:
        self.__dict__.update(handlers)


def rewriter(selector: str | None = None, **handlers: Handle) -> HTMLRewriter:
    made = HTMLRewriter.new()
    return made if selector is None else made.on(selector, Handlers(**handlers))


async def page_of(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def through(made: HTMLRewriter, pieces: list[bytes], **options: Any) -> bytes:
    return asyncio.run(made.transform(Response(page_of(pieces), **options)).bytes())


def outcome(made: HTMLRewriter, page: str) -> str:
    return through(made, [page.encode()]).decode()


def cut(page: bytes, data: st.DataObject) -> list[bytes]:
    ends = sorted(data.draw(st.lists(st.integers(0, len(page)), max_size=6)))
    return [page[begin:end] for begin, end in zip([0, *ends], [*ends, len(page)], strict=True)]


def nothing(token: Any) -> None:
    return None


def calling(calls: Calls) -> Handle:
    def element(element: Any) -> None:
        for name, *arguments in calls:
            if name.startswith("="):
                setattr(element, name[1:], arguments[0])
            else:
                assert getattr(element, name)(*arguments) is element

    return element


@MANY
@given(PAGES, st.data())
def test_what_no_handler_touches_leaves_as_it_came(page: bytes, data: st.DataObject) -> None:
    made = rewriter("*", element=nothing, text=nothing, comments=nothing)
    made.on("b > a, p:nth-child(2)", Handlers(element=nothing)).onDocument(Handlers(doctype=nothing, end=nothing))
    assert through(made, cut(page, data)) == page
    assert through(rewriter("b", element=nothing), cut(page, data)) == page


@MANY
@given(PAGES, st.data())
def test_the_outcome_does_not_depend_on_where_the_page_is_cut(page: bytes, data: st.DataObject) -> None:
    def run(pieces: list[bytes]) -> tuple[bytes, str]:
        said: list[str] = []

        def ended(chunk: Any) -> None:
            said.append(chunk.text)
            if chunk.lastInTextNode:
                chunk.before("|")

        made = rewriter("b, p a", element=calling([("append", "1"), ("setAttribute", "z", "2")]), text=ended)
        made.on("a", Handlers(comments=lambda comment: comment.replace("C")))
        made.on("[a]", Handlers(element=calling([("after", "3"), ("removeAndKeepContent",)])))
        made.on("svg *", Handlers(element=calling([("setInnerContent", "s")])))
        return through(made, pieces), "".join(said)

    assert run(cut(page, data)) == run([page]) == run([bytes([each]) for each in page])


@pytest.mark.parametrize(("selector", "calls", "page", "wanted"), ELEMENTS)
def test_elements_are_changed_as_lol_html_changes_them(selector: str, calls: Calls, page: str, wanted: str) -> None:
    assert outcome(rewriter(selector, element=calling(calls)), page) == wanted


@pytest.mark.parametrize("page", TOKENS)
def test_tokens_are_those_of_lol_html(page: str) -> None:
    said: list[Any] = []
    texts: list[str] = []

    def text(chunk: Any) -> None:
        texts.append(chunk.text)
        if chunk.lastInTextNode:
            assert chunk.text == ""
            said.append("T:" + "".join(texts))
            texts.clear()

    made = HTMLRewriter().onDocument(
        {
            "text": text,
            "comments": lambda comment: said.append(comment.text),
            "doctype": lambda kind: said.append((kind.name, kind.publicId, kind.systemId)),
        }
    )
    for pieces in ([page.encode()], [bytes([each]) for each in page.encode()]):
        said.clear()
        assert through(made, pieces).decode() == page
        assert (said, texts) == (TOKENS[page], [])


def test_an_element_shows_its_tag() -> None:
    seen: list[Any] = []

    def element(element: Any) -> None:
        seen.append([element.tagName, element.attributes, element.namespaceURI.rpartition("/")[2], element.removed])
        seen.append([element.getAttribute("A"), element.getAttribute("z"), element.hasAttribute("a")])

    outcome(rewriter("div, path", element=element), "<Div A='1' b A=2>x</div><svg><path d=&amp; /></svg>")
    assert seen == [
        ["div", [["a", "1"], ["b", ""], ["a", "2"]], "xhtml", False],
        ["1", None, True],
        ["path", [["d", "&amp;"]], "svg", False],
        [None, None, False],
    ]


def test_replace_takes_the_content_with_it() -> None:
    made = rewriter(
        "div", element=calling([("append", "a"), ("replace", "<r>", HTML), ("before", "b"), ("after", "c")])
    )
    assert outcome(made, f"1{PAGE}2") == "1b<r>c2"
    assert outcome(rewriter("br", element=calling([("replace", "<")])), "<br>x") == "&lt;x"


def test_handlers_of_what_is_removed_still_run() -> None:
    seen: list[Any] = []
    made = rewriter("div", element=calling([("remove",)]))
    made.on("p", Handlers(element=lambda each: seen.append(each.removed), text=lambda each: seen.append(each.text)))
    assert outcome(made, "1<div><p>x</p></div>2") == "12"
    assert seen == [True, "x", ""]


def test_end_tags() -> None:
    seen: list[str] = []

    async def ending(tag: Any) -> None:
        await asyncio.sleep(0)
        seen.append(tag.name)
        tag.name = "I"
        tag.before("1").after("2").before("<", {"html": True})

    made = rewriter("b", element=lambda element: element.onEndTag(ending))
    assert outcome(made, "<b>x</B >y<b>z") == "<b>x1<</I>2y<b>z"
    removed = rewriter("b", element=lambda element: element.onEndTag(lambda tag: tag.remove()))
    assert outcome(removed, "<b>x</b>y") == "<b>xy"
    implied = rewriter("p", element=lambda element: element.onEndTag(lambda tag: seen.append(tag.name)))
    assert outcome(implied, "<div><p>x</div>y") == "<div><p>x</div>y"
    assert seen == ["b", "div"], "as at Cloudflare, the end tag that closes both"
    with pytest.raises(TypeError, match="<br> can have no end tag"):
        outcome(rewriter("br", element=lambda element: element.onEndTag(nothing)), "<br>")


def test_text_and_comments_and_the_end() -> None:
    assert (
        outcome(rewriter("p", text=lambda text: text.replace("R") if text.text else None), "<p>x</p>y") == "<p>R</p>y"
    )
    around: Handle = lambda text: text.before("1").before("2").after("3").after("4").remove() if text.text else None  # noqa: E731
    assert outcome(rewriter("p", text=around), "<p>x</p>") == "<p>1243</p>"

    def comment(comment: Any) -> None:
        comment.text = "q"

    assert outcome(rewriter("p", comments=comment), "<p><!x><?y></ z><!--k--!></p>") == "<p>" + "<!--q-->" * 4 + "</p>"
    gone = rewriter("p", comments=lambda comment: comment.before("<").remove())
    assert outcome(gone, "<p><!--x--></p>") == "<p>&lt;</p>"
    made = HTMLRewriter().onDocument(JsObject(end=lambda end: end.append("1").append("<2>", html=True)))
    assert outcome(made.on("p", Handlers(element=calling([("remove",)]))), "<p>x") == "1<2>"
    assert outcome(made, "") == "1<2>"


@pytest.mark.parametrize("text", ["a-->", "a--!>", "->", ">"])
def test_a_comments_text_cannot_end_it(text: str) -> None:
    with pytest.raises(ValueError, match="a comment may not"):
        outcome(rewriter("p", comments=lambda comment: setattr(comment, "text", text)), "<p><!--x-->")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a/", "a>"])
def test_names_that_would_break_the_tag_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name of an attribute"):
        outcome(rewriter("p", element=calling([("setAttribute", name, "v")])), "<p>")
    if name != "a=b":
        with pytest.raises(ValueError, match="not a name of a tag"):
            outcome(rewriter("p", element=calling([("=tagName", name)])), "<p>")


def test_handlers_run_in_their_order_and_are_awaited() -> None:
    seen: list[str] = []

    def saying(words: str) -> Handlers:
        async def say(token: Any) -> None:
            await asyncio.sleep(0)
            seen.append(words)

        return Handlers(element=say, comments=say, text=say)

    made = HTMLRewriter.new().onDocument(saying("document")).on("p", saying("1")).on("p, *", saying("2"))
    outcome(made, "<p><!--c-->")
    assert seen == ["1", "2", "1", "2", "document"]


def test_a_token_is_of_no_use_after_its_handler() -> None:
    kept: list[Any] = []
    made = rewriter("b", element=kept.append, text=kept.append, comments=kept.append)
    made.onDocument(Handlers(doctype=kept.append, end=kept.append))
    outcome(made, "<!doctype html><b>x<!--c--></b>")
    assert len(kept) == 6
    for token, use in zip(kept, ("name", "tagName", "text", "text", "text", "append"), strict=True):
        with pytest.raises(TypeError, match="after its handler had ended"):
            getattr(token, use)("x") if use == "append" else getattr(token, use)
    with pytest.raises(TypeError, match="this element was used after"):
        kept[1].append("x")


def test_content_that_streams() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for piece in (b"<", "é".encode()[:1], "é".encode()[1:], b"&>"):
            yield piece

    def element(element: Any) -> None:
        element.prepend(Response(parts()), html=True).append(ReadableStream.of(parts())).after(Response(None))

    assert outcome(rewriter("p", element=element), "<p>x</p>y") == "<p><é&>x&lt;é&amp;&gt;</p>y"
    with pytest.raises(TypeError, match="not NoneType"):
        outcome(rewriter("p", element=calling([("before", None)])), "<p>")


def test_content_that_nobody_will_read_is_closed() -> None:
    closed: list[str] = []

    def source(name: str) -> ReadableStream:
        async def close() -> None:
            closed.append(name)

        async def pull() -> bytes:
            raise AssertionError(name)

        return ReadableStream(pull, close)

    made = rewriter("div", element=calling([("remove",)]))
    made.on("p", Handlers(element=lambda element: element.before(source("hidden"))))
    assert outcome(made, "<div><p></div>x") == "x"
    assert closed == ["hidden"]


def test_encodings() -> None:
    texts: list[str] = []
    made = rewriter("p", element=calling([("append", "é€я")]), text=lambda text: texts.append(text.text))
    western = {"content-type": "text/html; charset=ISO-8859-1"}
    assert through(made, [b"<p>\xe9\x81</p>"], headers=western) == b"<p>\xe9\x81\xe9\x80&#1103;</p>"
    assert through(
        made,
        ["<p>日".encode("shift_jis")[:-1], "日".encode("shift_jis")[-1:]],
        headers={"content-type": "text/html; charset=shift_jis"},
    ) == "<p>日".encode("shift_jis")
    assert texts == ["é\ufffd", "", "日", ""]
    for charset in ("utf-16", "utf-7", "iso-2022-jp", "rot13", "none-such", "hz", "unicode_escape", "utf-8-sig"):
        assert encoding_of(f"text/html; charset={charset}") == "utf-8"


def test_an_answer_keeps_its_face() -> None:
    async def run() -> None:
        source = Response("<p>x</p>", status=404, headers={"content-length": "8", "etag": '"1"', "x-a": "b"})
        answer = rewriter("p", element=calling([("before", "1")])).transform(source)
        assert (answer.status, answer.headers.get("x-a"), answer.headers.get("etag")) == (404, "b", '"1"')
        assert not answer.headers.has("content-length")
        assert await answer.text() == "1<p>x</p>"
        with pytest.raises(BodyUsedError):
            rewriter().transform(source)
        assert rewriter().transform(Response(None, status=204)).body is None
        with pytest.raises(TypeError, match="not str"):
            rewriter().transform("<p>")  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_handlers_error_ends_the_body_and_closes_the_source() -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a<p>"
            yield b"never"
        finally:
            closed.append(True)

    def fail(element: Any) -> None:
        raise LookupError("no such tea")

    async def run() -> None:
        body = rewriter("p", element=fail).transform(Response(source())).body
        assert body is not None
        for _ in range(2):
            with pytest.raises(LookupError, match="no such tea"):
                await body.read()

    asyncio.run(run())
    assert closed == [True]


def fill(made: Tokenizer, piece: bytes) -> None:
    for _ in range(MOST // len(piece) + 2):
        made.feed(piece)
        assert made.next() is None


@pytest.mark.parametrize("begin", [b"<!--", b'<a b="', b"<a ", b"<a b=", b"<!x", b"<a b='x' ", b"<script></script "])
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_an_endless_token_is_looked_at_once_and_refused(begin: bytes, size: int) -> None:
    made = Tokenizer()
    made.feed(begin)
    while made.next() is not None:
        pass
    with pytest.raises(ValueError, match="longer than"):
        fill(made, b"x" * size)
    assert made._unfinished.looked <= 5 * MOST, "an end may begin in the last three bytes of the piece before"


@pytest.mark.parametrize(
    "unit", [b"<", b"</", b"<a>", b"<a></b>", b"<!", b"<a<", b"<p a=b ", b"-->", b"<script>", b"<svg><title>"]
)
def test_hostile_pages_are_read_once(unit: bytes) -> None:
    """Four times the page is about four times the matching; the bound is generous."""

    def steps(times: int) -> int:
        made, count = Tokenizer(), 0
        page = unit * times
        for at in range(0, len(page), 1000):
            made.feed(page[at : at + 1000])
            while made.next() is not None:
                count += 1
        return count + made._unfinished.looked

    assert steps(40_000 // len(unit)) <= 5 * steps(10_000 // len(unit)) + 20_000


def test_elements_nest_so_deep_and_no_deeper() -> None:
    with pytest.raises(ValueError, match="nested deeper"):
        through(rewriter("p", element=nothing), [b"<a>" * 300_000])


def test_a_worker_that_rewrites_nothing_does_not_import_it() -> None:
    code = (
        "import sys; from holdfast.runtime.python.shims import js; name = 'holdfast.runtime.python.rewriting';"
        "assert name not in sys.modules; assert js.HTMLRewriter is js.HTMLRewriter; assert name in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_worker_rewrites_pages(start: Start) -> None:
    host = example(start, "rewriting")
    with host.client() as client:
        plain = client.get("/plain")
        for path in ("/", "/stream"):
            answer = client.get(path)
            changed = answer.text
            assert changed.startswith('<!doctype html>\n<html>\n<head><meta property="og:title" content="Green%20tea">')
            assert 'content="old"' not in changed
            assert "/old.png" not in changed
            rest = changed.replace('<meta property="og:title" content="Green%20tea">', "")
            assert len(plain.text) - len(rest) == len('<meta property="og:title" content="old">') + len(
                '<meta property="og:image" content="/old.png">'
            )
            assert (answer.headers["x-kept"], answer.headers.get("content-length")) == ("yes", None)
        assert "if (1 < 2)" in plain.text
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/fails")
    record = host.invocation(path="/fails")
    assert (record["outcome"], record["error"]["message"]) == ("exception", "no such tea")

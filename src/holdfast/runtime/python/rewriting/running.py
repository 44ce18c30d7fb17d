"""One page on its way through the handlers."""

from __future__ import annotations

import codecs
import inspect
from typing import Any

from holdfast.runtime.python.rewriting.content import Comment, Doctype, DocumentEnd, Part, Streamed, TextChunk, Token
from holdfast.runtime.python.rewriting.elements import Element, Ending, EndTag, StartTag
from holdfast.runtime.python.rewriting.matching import EMPTY, GENERAL, OPENS, Children, Frame, Handler, Name, Program
from holdfast.runtime.python.rewriting.namespaces import DATA, HTML, VOID, self_closing
from holdfast.runtime.python.rewriting.patterns import RUN
from holdfast.runtime.python.rewriting.tokens import COMMENT, DOCTYPE, END, START, TEXT, Tokenizer

DEEPEST = 1 << 18  # open elements
_NAMES = 4096  # names remembered before those of no open element are forgotten


class Run:
    """Takes a page in pieces and gives what leaves. Text that no handler asks for is passed on as it came."""

    def __init__(self, program: Program, encoding: str) -> None:
        self._program, self._encoding = program, encoding
        self._tokens = Tokenizer()
        self._names: dict[bytes, Name] = {}
        self._most_names = _NAMES
        self._stack: list[Name] = []
        self._frames: list[Frame] = []
        self._children: list[Children] = [Children()]
        self._active = [0] * len(program.handlers)
        self._texts: list[Handler] = []
        self._comments: list[Handler] = []
        self._listen()
        self._muted = 0
        self._sent = 0  # up to where the buffer has left
        self._out: list[Part] = []
        self.hidden: list[Streamed] = []  # content inside what was removed: nobody will read it
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._in_text, self._held = False, b""

    async def piece(self, data: bytes) -> list[Part]:
        """What leaves after `data` came in. Raises what a handler raised; ValueError for a page beyond the bounds."""
        self._tokens.feed(data)
        return await self._work()

    async def end(self) -> list[Part]:
        """What leaves at the end of the page."""
        self._tokens.finish()
        await self._work()
        await self._end_text()
        self._muted = 0
        ended = DocumentEnd(self._encoding)
        await self._call([each.end for each in self._program.document if each.end], ended)
        return [*self._out, *ended._appended]

    async def _work(self) -> list[Part]:
        tokens, self._out, self._sent = self._tokens, [], 0
        counts = self._program.counts
        while True:
            if not counts and tokens.mode == DATA and not self._texts and tokens.context.plain:
                self._pass_over()
            kind = tokens.next()
            if kind is None:
                break
            if kind == TEXT:
                await self._text()
            else:
                if self._in_text:
                    await self._end_text()
                if kind == START:
                    await self._start()
                elif kind == END:
                    await self._end()
                elif kind == COMMENT:
                    await self._comment()
                elif kind == DOCTYPE:
                    await self._doctype()
        self._send(tokens.at)
        return self._out

    def _pass_over(self) -> None:
        """Go on to the next tag that something may be due for; elements are only counted on the way."""
        tokens, stack, names = self._tokens, self._stack, self._names
        lowest = self._frames[-1].depth if self._frames else 0
        at = 0
        for found in RUN.finditer(tokens.buffer, tokens.at):
            kind = found.lastindex
            if kind == 3:
                name = names.get(found[3])
                if name is None:
                    at = found.start(3) - 2
                    break
                if name.opened:
                    if stack[-1] is not name or len(stack) <= lowest:
                        at = found.start(3) - 2
                        break
                    stack.pop()
                    name.opened -= 1
                continue
            if kind == 4:
                at = found.start(4)
                break
            name = names.get(found[1])
            if name is None or name.kind == GENERAL:
                at = found.start(1) - 1
                break
            if kind == 1 and name.kind == OPENS:
                stack.append(name)
                name.opened += 1
        tokens.at = at
        self._bound()

    def _name(self, written: bytes) -> Name:
        found = self._names.get(written)
        if found is None:
            if len(self._names) >= self._most_names:
                self._names = {each.lower: each for each in self._names.values() if each.opened}
                self._most_names = max(_NAMES, 2 * len(self._names))
            lower = written.lower()
            found = self._names.get(lower) or self._program.name(lower)
            self._names[written] = self._names[lower] = found
        return found

    async def _start(self) -> None:
        tokens, program = self._tokens, self._program
        name = self._name(tokens.name)
        namespace = tokens.context.of_tag
        if name.kind != GENERAL and namespace == HTML:
            if name.kind != EMPTY:
                self._push(name)
            return
        raw = tokens.buffer[tokens.start : tokens.at]
        tag = StartTag(raw, name.text, self._encoding, namespace)
        if program.counts:
            tag.nth_child, tag.nth_of_type = self._children[-1].count(name)
        top = self._frames[-1] if self._frames else None
        parent = top.marks if top is not None and top.depth == len(self._stack) else 0
        targets, marks = program.judge(name, tag, top.above if top is not None else 0, parent)
        has_content = name.lower not in VOID if namespace == HTML else not self_closing(raw)
        element = await self._handle(tag, name, targets, has_content)
        if has_content:
            self._open(name, targets, marks, element)

    async def _handle(self, tag: StartTag, name: Name, targets: list[int], has_content: bool) -> Element | None:
        handlers = [each for at in targets if (each := self._program.handlers[at].element)]
        if not handlers:
            return None
        element = Element(tag, name.text, has_content, self._muted > 0)
        await self._call(handlers, element)
        if element._touched():
            self._put(element._parts())
        return element

    def _open(self, name: Name, targets: list[int], marks: int, element: Element | None) -> None:
        targets = [at for at in targets if self._program.handlers[at].listens]
        ending = element._at_end() if element is not None else None
        muted = element is not None and element._muted
        self._push(name)
        if not (marks or targets or ending or muted):
            return
        above = marks | (self._frames[-1].above if self._frames else 0)
        self._frames.append(Frame(len(self._stack), marks, above, targets, ending, muted))
        if targets:
            self._listen(targets, 1)
        if muted:
            self._send(self._tokens.at)
            self._muted += 1

    def _push(self, name: Name) -> None:
        self._bound()
        self._stack.append(name)
        name.opened += 1
        if self._program.counts:
            self._children.append(Children())

    def _bound(self) -> None:
        if len(self._stack) > DEEPEST:
            raise ValueError(f"elements of the page are nested deeper than {DEEPEST}")

    def _listen(self, targets: list[int] | None = None, by: int = 0) -> None:
        """Which handlers of text and comments run now: those of open elements in their order, then the document's."""
        for at in targets or ():
            self._active[at] += by
        program = self._program
        now = [each for each, open_now in zip(program.handlers, self._active, strict=True) if open_now]
        now += program.document
        self._texts = [each.text for each in now if each.text]
        self._comments = [each.comments for each in now if each.comments]

    async def _end(self) -> None:
        """An end tag ends the last open element of its name and all inside it that have no end tag."""
        tokens, stack, frames = self._tokens, self._stack, self._frames
        name = self._name(tokens.name)
        if not name.opened:
            return
        endings: list[Ending] = []
        last: Name | None = None
        while last is not name:
            last = stack.pop()
            last.opened -= 1
            if self._program.counts:
                self._children.pop()
            if frames and frames[-1].depth > len(stack):
                self._close(frames.pop(), endings)
        if endings:
            await self._handle_end(name, endings)

    def _close(self, frame: Frame, endings: list[Ending]) -> None:
        if frame.targets:
            self._listen(frame.targets, -1)
        if frame.muted:
            self._muted -= 1
            if not self._muted:
                self._sent = self._tokens.start
        if frame.ending is not None:
            endings.append(frame.ending)

    async def _handle_end(self, name: Name, endings: list[Ending]) -> None:
        tokens = self._tokens
        tag = EndTag(self._encoding, tokens.buffer[tokens.start : tokens.at], name.text)
        for ending in endings:
            if ending.name is not None:
                tag.name = ending.name
            if ending.mutations is not None:
                tag._mutations = ending.mutations
            await self._call(ending.handlers, tag, keep=True)
        self._put(tag._parts())
        tag._valid = False

    async def _comment(self) -> None:
        if self._comments:
            tokens = self._tokens
            begin, end = tokens.text
            raw = tokens.buffer[tokens.start : tokens.at]
            comment = Comment(self._encoding, raw, tokens.buffer[begin:end])
            await self._call(self._comments, comment)
            self._put(comment._parts())

    async def _doctype(self) -> None:
        if handlers := [each.doctype for each in self._program.document if each.doctype]:
            tokens = self._tokens
            await self._call(handlers, Doctype(self._encoding, tokens.buffer[tokens.start : tokens.at]))

    async def _text(self) -> None:
        if self._texts:
            tokens = self._tokens
            self._send(tokens.start)
            self._sent = tokens.at
            self._in_text = True
            await self._chunk(tokens.buffer[tokens.start : tokens.at], final=False)

    async def _end_text(self) -> None:
        """The last chunk of a text is empty, so that a handler can wait for it."""
        if self._in_text:
            self._in_text = False
            if self._held:
                await self._chunk(b"", final=True)
            self._decoder.reset()
            await self._give(TextChunk(self._encoding, b"", "", True))

    async def _chunk(self, raw: bytes, final: bool) -> None:
        """A character that is cut in two waits for its second half."""
        text = self._decoder.decode(raw, final)
        whole = self._held + raw
        self._held = b"" if final else self._decoder.getstate()[0]
        whole = whole[: len(whole) - len(self._held)]
        if whole:
            await self._give(TextChunk(self._encoding, whole, text, False))

    async def _give(self, chunk: TextChunk) -> None:
        await self._call(self._texts, chunk)
        self._leave(chunk._parts())

    async def _call(self, handlers: list[Any], token: Token, *, keep: bool = False) -> None:
        for handler in handlers:
            if inspect.isawaitable(result := handler(token)):
                await result
        token._valid = keep

    def _send(self, upto: int) -> None:
        """What came up to there leaves as it is."""
        if self._sent < upto and not self._muted:
            self._out.append(self._tokens.buffer[self._sent : upto])
        self._sent = upto

    def _put(self, parts: list[Part]) -> None:
        """`parts` leave in place of the token."""
        self._send(self._tokens.start)
        self._leave(parts)
        self._sent = self._tokens.at

    def _leave(self, parts: list[Part]) -> None:
        if not self._muted:
            self._out.extend(parts)
        else:
            self.hidden.extend(each for each in parts if isinstance(each, Streamed))

"""Elements and their end tags, as handlers see and change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from holdfast.runtime.python.rewriting.content import Mutations, Part, Placed, Token, encode, part
from holdfast.runtime.python.rewriting.namespaces import HTML, URIS, name_end, self_closing
from holdfast.runtime.python.rewriting.patterns import ATTRIBUTE, ascii_lower

_NOT_IN_TAGS = frozenset("\t\n\f\r />")
_Attribute = tuple[str, str, bytes]  # the name in lower case, the value, the source text


class StartTag:
    """A start tag's text, its attributes read when first asked for: what selectors judge and handlers change."""

    def __init__(self, raw: bytes, name: str, encoding: str, namespace: int) -> None:
        self.raw, self.name, self.encoding, self.namespace = raw, name, encoding, namespace
        self.nth_child = self.nth_of_type = 1
        self._attributes: list[_Attribute] | None = None

    @property
    def in_html(self) -> bool:
        return self.namespace == HTML

    @property
    def attributes(self) -> list[_Attribute]:
        if self._attributes is None:
            self._attributes = [
                (
                    found[1].lower().decode(self.encoding, "replace"),
                    (found[2] or found[3] or found[4] or b"").decode(self.encoding, "replace"),
                    found[0],
                )
                for found in ATTRIBUTE.finditer(self.raw, name_end(self.raw))
            ]
        return self._attributes

    def attribute(self, name: str) -> str | None:
        for each, value, _ in self.attributes:
            if each == name:
                return value
        return None

    def written(self, name: bytes, filled: bool) -> bytes:
        """The tag with another name or other attributes. Attributes that did not change keep their own text; a slash
        at the end goes where content is put inside."""
        inside = b" ".join([name, *(source for _, _, source in self.attributes)])
        if filled or not self_closing(self.raw):
            return b"<" + inside + b">"
        return b"<" + inside + (b" />" if self.attributes else b"/>")


class Element(Token):
    """An element, seen at its start tag: its content is still to come."""

    _kind = "element"

    def __init__(self, tag: StartTag, name: str, has_content: bool, hidden: bool) -> None:
        super().__init__(tag.encoding)
        self._tag, self._name, self._has_content, self._hidden = tag, name, has_content, hidden
        self._written_name: str | None = None
        self._changed = self._filled = False
        self._muted = False  # its content is not to be sent
        self._end: Mutations | None = None
        self._end_handlers: list[Callable[[EndTag], Any]] = []

    @property
    def tagName(self) -> str:  # noqa: N802 - as published
        """The name, in lower case. Setting it renames the end tag too; raises ValueError for what is no name."""
        self._check()
        return self._written_name or self._name

    @tagName.setter
    def tagName(self, name: str) -> None:  # noqa: N802 - as published
        self._check()
        self._written_name = tag_name(name)

    @property
    def attributes(self) -> list[list[str]]:
        """Names in lower case and values, as the page has them: references are not decoded."""
        self._check()
        return [[name, value] for name, value, _ in self._tag.attributes]

    @property
    def removed(self) -> bool:
        self._check()
        return self._hidden or (self._mutations is not None and self._mutations.removed)

    @property
    def namespaceURI(self) -> str:  # noqa: N802 - as published
        self._check()
        return URIS[self._tag.namespace]

    def getAttribute(self, name: str) -> str | None:  # noqa: N802 - as published
        self._check()
        return self._tag.attribute(ascii_lower(name))

    def hasAttribute(self, name: str) -> bool:  # noqa: N802 - as published
        return self.getAttribute(name) is not None

    def setAttribute(self, name: str, value: Any) -> Self:  # noqa: N802 - as published
        """Raises ValueError for what is no attribute's name. `value` is text; quotes in it are escaped."""
        self._check()
        key, text = ascii_lower(name), str(value)
        if not key or any(each in _NOT_IN_TAGS or each == "=" for each in key):
            raise ValueError(f"not a name of an attribute: {name!r}")
        source = encode(key, self._encoding) + b'="' + encode(text.replace('"', "&quot;"), self._encoding) + b'"'
        held = self._tag.attributes
        at = next((at for at, each in enumerate(held) if each[0] == key), len(held))
        held[at : at + 1] = [(key, text, source)]
        self._changed = True
        return self

    def removeAttribute(self, name: str) -> Self:  # noqa: N802 - as published
        self._check()
        key, held = ascii_lower(name), self._tag.attributes
        at = next((at for at, each in enumerate(held) if each[0] == key), None)
        if at is not None:
            del held[at]
            self._changed = True
        return self

    def before(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` before the start tag."""
        self._change().before.append(part(content, options, html, self._encoding))
        return self

    def after(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` behind the end tag."""
        (self._ending() if self._has_content else self._change()).after.insert(
            0, part(content, options, html, self._encoding)
        )
        return self

    def prepend(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` behind the start tag. Without effect where the element can have no content."""
        self._check()
        if self._has_content:
            self._filled = True
            self._change().after.insert(0, part(content, options, html, self._encoding))
        return self

    def append(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` before the end tag. Without effect where the element can have no content."""
        self._check()
        if self._has_content:
            self._filled = True
            self._ending().before.append(part(content, options, html, self._encoding))
        return self

    def setInnerContent(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:  # noqa: N802
        """Put `content` in place of everything inside."""
        self._check()
        if self._has_content:
            self._filled = True
            self._empty()
            self._change().after = [part(content, options, html, self._encoding)]
        return self

    def replace(self, content: Any, options: Any = None, *, html: bool | None = None) -> Self:
        """Put `content` in place of the element and everything inside."""
        mutations = self._change()
        mutations.replacement = [part(content, options, html, self._encoding)]
        return self.remove()

    def remove(self) -> Self:
        """Leave the element and everything inside out. Handlers of what is inside still run."""
        self._change().removed = True
        if self._has_content:
            self._empty()
            self._ending().removed = True
        return self

    def removeAndKeepContent(self) -> Self:  # noqa: N802 - as published
        """Leave the two tags out."""
        self._change().removed = True
        if self._has_content:
            self._ending().removed = True
        return self

    def onEndTag(self, handler: Callable[[EndTag], Any]) -> None:  # noqa: N802 - as published
        """Call `handler` with the end tag, if there is one. Raises TypeError where the element can have none."""
        self._check()
        if not self._has_content:
            raise TypeError(f"<{self._name}> can have no end tag here")
        self._end_handlers.append(handler)

    def _ending(self) -> Mutations:
        self._check()
        if self._end is None:
            self._end = Mutations()
        return self._end

    def _empty(self) -> None:
        self._muted = True
        self._change().after.clear()
        if self._end is not None:
            self._end.before.clear()

    def _touched(self) -> bool:
        return self._changed or self._written_name is not None or self._mutations is not None

    def _parts(self) -> list[Part]:
        raw = self._tag.raw
        if self._changed or self._written_name:
            name = encode(self._written_name, self._encoding) if self._written_name else raw[1 : name_end(raw)]
            raw = self._tag.written(name, self._filled)
        return [raw] if self._mutations is None else self._mutations.around(raw)

    def _at_end(self) -> Ending | None:
        if self._end is None and not self._written_name and not self._end_handlers:
            return None
        return Ending(self._written_name, self._end, self._end_handlers)


class Ending:
    """What is to be done when the element's end tag comes."""

    __slots__ = ("handlers", "mutations", "name")

    def __init__(self, name: str | None, mutations: Mutations | None, handlers: list[Callable[[EndTag], Any]]) -> None:
        self.name, self.mutations, self.handlers = name, mutations, handlers


class EndTag(Placed):
    """The tag that ends an element: its own, or that of an element around it which ends both."""

    _kind = "end tag"

    def __init__(self, encoding: str, raw: bytes, name: str) -> None:
        super().__init__(encoding)
        self._raw, self._name = raw, name

    @property
    def name(self) -> str:
        self._check()
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        """Raises ValueError for what is no name."""
        self._check()
        self._name = tag_name(name)
        self._raw = b"</" + encode(name, self._encoding) + b">"

    def _source(self) -> bytes:
        return self._raw


def tag_name(name: str) -> str:
    """`name`, if a tag can have it. Raises ValueError."""
    if not name[:1].isascii() or not name[:1].isalpha() or any(each in _NOT_IN_TAGS for each in name):
        raise ValueError(f"not a name of a tag: {name!r}")
    return name

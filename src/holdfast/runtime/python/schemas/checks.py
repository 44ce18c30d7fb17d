"""The declared routes of a version: what of a request each looks at, and the answer to one that does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from holdfast.runtime.python.exchange import BodyTooLarge, Exchange, Raw
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.schemas.answers import AnswerSchemas, Told, Watched
from holdfast.runtime.python.schemas.patterns import Budget
from holdfast.runtime.python.schemas.reading import Unreadable, from_pairs, from_text, read_json
from holdfast.runtime.python.schemas.running import MOST_FAULTS, Fault
from holdfast.runtime.python.schemas.schema import MOST_STEPS, Schema, kinds
from holdfast.runtime.python.schemas.templates import Template, readings

MOST_BODY = 4 * 1024 * 1024  # bytes of a body that a schema looks at: it is held whole
_MOST_FIELDS = 1000  # of a query
_JSON: Raw = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_PARTS = ("params", "query", "headers")


@dataclass(frozen=True)
class Refusal:
    """Why the worker's code does not hear of a request."""

    status: int
    code: str
    message: str
    fields: tuple[dict[str, Any], ...] = ()

    def answer(self, exchange: Exchange, ray: str | None) -> None:
        error = {
            "code": self.code,
            "message": self.message,
            "hint": "The worker's OpenAPI document says what this route takes.",
            "request_id": ray,
            "details": {"fields": list(self.fields)},
        }
        if not exchange.complete:
            exchange.keep_alive = False
        exchange.answer(self.status, _JSON, json.dumps({"error": error}).encode() + b"\n")


class Rule:
    """One declared route; its schemas become checks when it is asked for the first time."""

    def __init__(self, raw: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
        self.method = str(raw["method"]).encode()
        self.template = Template.of(raw["path"])
        self._raw, self._shared = raw, shared
        self._made: dict[str, Schema] | None = None
        self._kinds: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]] = {}
        self.answers = AnswerSchemas(raw.get("responses") or {}, shared)

    @property
    def name(self) -> str:
        return f"{self._raw['method']} {self._raw['path']}"

    @property
    def has_body(self) -> bool:
        return self._raw.get("body") is not None

    @property
    def body_required(self) -> bool:
        return bool(self._raw.get("body_required", True))

    def _schemas(self) -> dict[str, Schema]:
        if self._made is None:
            made = {}
            for part in (*_PARTS, "body"):
                if (schema := self._raw.get(part)) is not None:
                    made[part] = Schema(schema, self._shared)
                    self._kinds[part] = self._members(schema)
            self._made = made
        return self._made

    def _members(self, schema: Any) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """By name: the types of a member, and of its items when it is a list."""
        found = {}
        members = schema.get("properties") if isinstance(schema, dict) else None
        for name, each in (members or {}).items():
            items = each.get("items") if isinstance(each, dict) else None
            found[name] = (kinds(each, schema, self._shared), kinds(items, schema, self._shared))
        return found

    def head(self, found: Mapping[str, str], query: str, headers: Raw, budget: Budget) -> list[dict[str, Any]]:
        """What is wrong with the path's parts, the query and the header fields."""
        schemas, wrong = self._schemas(), []
        if "params" in schemas:
            named = {name: from_text(text, self._of("params", name)) for name, text in found.items()}
            wrong += _told("params", schemas["params"].faults(named, budget))
        if "query" in schemas:
            try:
                pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
            except ValueError:
                return [*wrong, _field("query", Fault((), "format", "cannot be read"))]
            values, twice = from_pairs(pairs, self._kinds["query"])
            wrong += [_field("query", Fault((name,), "type", "is there twice")) for name in dict.fromkeys(twice)]
            wrong += _told("query", schemas["query"].faults(values, budget))
        if "headers" in schemas:
            wrong += _told("headers", schemas["headers"].faults(self._fields(headers), budget))
        return wrong[:MOST_FAULTS]

    def _of(self, part: str, name: str) -> frozenset[str]:
        return self._kinds[part].get(name, (frozenset(), frozenset()))[0]

    def _fields(self, headers: Raw) -> dict[str, Any]:
        """Those that the schema names: what else a client sends is not looked at."""
        texts: dict[str, str] = {}
        for raw_name, raw in headers:
            name, text = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
            if name in self._kinds["headers"]:
                texts[name] = f"{texts[name]}, {text}" if name in texts else text
        return {name: from_text(text, self._of("headers", name)) for name, text in texts.items()}

    def body(self, raw: bytes, budget: Budget) -> list[dict[str, Any]]:
        try:
            value = read_json(raw)
        except Unreadable as error:
            return [_field("body", Fault((), "format", str(error)))]
        return _told("body", self._schemas()["body"].faults(value, budget))


Met = list[tuple[Rule, dict[str, str]]]  # with the parts of the path by name


class Checks:
    """`routes` and `shared` as a deploy has kept them: they were looked at there. `told` hears of answers that do not
    fit; None: nobody looks at them."""

    def __init__(
        self, routes: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], told: Told | None = None
    ) -> None:
        self.told = told
        rules = [Rule(each, shared) for each in routes]
        # What is there as it is goes before what may be any, part by part (OpenAPI, "Path Templating Matching").
        self._rules = sorted(rules, key=lambda rule: tuple(text is None for text in rule.template.shape))

    def found(self, method: bytes, path: str) -> Met:
        """The rules a request has to meet: for each way to read its path the first that fits. HEAD is asked as GET
        where nothing is said of HEAD, since that is how frameworks answer it."""
        made: Met = []
        for parts in readings(path):
            fitting = [(rule, named) for rule in self._rules if (named := rule.template.match(parts)) is not None]
            asked = [each for each in fitting if each[0].method == method]
            if not asked and method == b"HEAD":
                asked = [each for each in fitting if each[0].method == b"GET"]
            made += [each for each in asked[:1] if each not in made]
        return made

    def met(self, exchange: Exchange) -> Met:
        """What is declared for it; mostly nothing or one route."""
        return self.found(exchange.method, _target(exchange.target).partition("?")[0])

    def watched(self, exchange: Exchange, invocation: Invocation, met: Met) -> Exchange:
        """The exchange itself where nothing is declared of its answer; else one that looks at it."""
        rule = met[0][0] if met else None
        if rule is None or self.told is None or exchange.upgrade or not rule.answers:
            return exchange
        return Watched.over(exchange, invocation, rule.name, rule.answers, self.told)

    async def refusal(self, exchange: Exchange, rules: Met) -> Refusal | None:
        """None: the request fits, or no route of its kind is declared. Its body can be read as if nobody had."""
        if not rules:
            return None
        query = _target(exchange.target).partition("?")[2]
        budget, wrong = Budget(MOST_STEPS), list[dict[str, Any]]()
        for rule, named in rules:
            wrong += rule.head(named, query, exchange.headers, budget)
        bodies = [rule for rule, _ in rules if rule.has_body]
        if bodies:
            if exchange.has_body:
                if (refused := _media(exchange)) is not None:
                    return refused
                raw = await _whole(exchange)
                for rule in bodies if raw else ():
                    wrong += rule.body(raw, budget)
                exchange.unread(raw)
                missing = not raw
            else:
                missing = True
            if missing and any(rule.body_required for rule in bodies):
                wrong.append(_field("body", Fault((), "required", "is missing")))
        return _refusal(wrong) if wrong else None


def _target(raw: bytes) -> str:
    target = raw.decode("latin-1")
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path


def _media(exchange: Exchange) -> Refusal | None:
    named = dict(exchange.headers)
    kind = named.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        fault = _field("headers", Fault(("content-type",), "const", "must be application/json"))
        return Refusal(415, "media_type_unsupported", "The body must be application/json.", (fault,))
    if named.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        fault = _field("headers", Fault(("content-encoding",), "const", "must be identity"))
        return Refusal(415, "media_type_unsupported", "The body must not be compressed.", (fault,))
    return None


async def _whole(exchange: Exchange) -> bytes:
    """Raises BodyTooLarge, ClientGone."""
    pieces, size = list[bytes](), 0
    if exchange.length is not None and exchange.length > MOST_BODY:
        raise BodyTooLarge(f"a body that is looked at has at most {MOST_BODY} bytes")
    while piece := await exchange.read():
        size += len(piece)
        if size > MOST_BODY:
            raise BodyTooLarge(f"a body that is looked at has at most {MOST_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _told(where: str, faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [_field(where, each) for each in faults]


def _field(where: str, fault: Fault) -> dict[str, Any]:
    return {"field": fault.named(where), "in": where, "rule": fault.keyword, "message": fault.message}


def _refusal(wrong: list[dict[str, Any]]) -> Refusal:
    fields = tuple({json.dumps(each): each for each in wrong}.values())[:MOST_FAULTS]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    first = fields[0]
    return Refusal(422, "request_invalid", f"{first['field']} {first['message']}{more}", fields)

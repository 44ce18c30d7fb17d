// What is filled in is the request itself: each value is read out of it, and written back into it.
import { firstOf, withBody } from "./body";
import { decoded, type Operation, type Place } from "./operations";
import { isHeader, type Typed } from "./request";

const named = (part: string) => /^\{(.+)\}$/.exec(part)?.[1];
const partsOf = (path: string) => path.split("/").filter(Boolean);

function split(path: string): [path: string, query: string | null] {
  const at = path.indexOf("?");
  return at < 0 ? [path, null] : [path.slice(0, at), path.slice(at + 1)];
}

/** The texts of a path by the template's names; null when the path is of another shape. */
function matched(template: string, path: string): Record<string, string> | null {
  const wanted = partsOf(template);
  const given = partsOf(split(path)[0]);
  if (wanted.length !== given.length) return null;
  const found = new Map<string, string>();
  for (const [at, part] of wanted.entries()) {
    const name = named(part);
    const text = given[at] ?? "";
    if (name !== undefined)
      found.set(name, text === part ? "" : decoded(text)); // a name in its braces: not filled in
    else if (decoded(text) !== part) return null;
  }
  return Object.fromEntries(found);
}

/** The route that a request meets: `kept` as long as it does, else the one with most texts where others have names. */
export function routeOf(operations: readonly Operation[], request: Typed, kept: string | null): Operation | null {
  const fits = operations.filter(({ path }) => matched(path, request.path));
  const of = (method: string) => fits.filter((each) => each.method === method);
  const asked = of(request.method);
  const all = asked.length === 0 && request.method === "HEAD" ? of("GET") : asked;
  const shape = ({ path }: Operation) =>
    partsOf(path)
      .map((part) => (named(part) === undefined ? "0" : "1"))
      .join("");
  return all.find(({ id }) => id === kept) ?? all.sort((a, b) => (shape(a) < shape(b) ? -1 : 1))[0] ?? null;
}

/** A new request for a route, with what it must have. Headers stay: they may let somebody in. */
export function begun(operation: Operation, request: Typed): Typed {
  const { method, path, body } = operation;
  const headers = body ? request.headers : request.headers.filter(([name]) => !isHeader(name, "content-type"));
  const made = { method, path, headers, body: "" };
  const first = body?.required ? firstOf(body) : undefined;
  return first === undefined ? made : withBody(made, first);
}

/** The texts of a part of a request by its name, one after the other; none: it is not there. */
export function textsOf(operation: Operation, request: Typed, place: Place, name: string): readonly string[] {
  if (place === "params") {
    const text = matched(operation.path, request.path)?.[name];
    return text ? [text] : [];
  }
  if (place === "headers") {
    const same = request.headers.filter(([each]) => isHeader(each, name));
    return same.map(([, value]) => value);
  }
  return piecesOf(request.path).flatMap((piece) => (piece[0] === name ? [piece[1]] : []));
}

/** The request with other texts there; without it where there are none. */
export function withTexts(
  operation: Operation,
  request: Typed,
  place: Place,
  name: string,
  texts: readonly string[],
): Typed {
  if (place === "params") return { ...request, path: withParam(operation, request.path, name, texts[0] ?? "") };
  if (place === "headers") {
    const more = texts.map((text) => [name, text] as const);
    return { ...request, headers: replaced(request.headers, ([each]) => isHeader(each, name), more) };
  }
  const more = texts.map((text): Piece => [name, text, `${spelt(name)}=${spelt(text)}`]);
  const pieces = replaced(piecesOf(request.path), ([each]) => each === name, more);
  const query = pieces.map(([, , raw]) => raw).join("&");
  return { ...request, path: split(request.path)[0] + (query && `?${query}`) };
}

/** `more` where the first of those stood, else at the end. */
function replaced<T>(all: readonly T[], is: (one: T) => boolean, more: readonly T[]): T[] {
  const at = all.findIndex(is);
  const before = at < 0 ? all : all.slice(0, at);
  return [...before, ...more, ...(at < 0 ? [] : all.slice(at).filter((one) => !is(one)))];
}

function withParam(operation: Operation, path: string, name: string, text: string): string {
  const [, query] = split(path);
  const given = partsOf(split(path)[0]);
  const made = partsOf(operation.path).map((part, at) => {
    if (named(part) !== name) return given[at] ?? part;
    return text === "" ? part : spelt(text).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
  });
  return `/${made.join("/")}${query === null ? "" : `?${query}`}`;
}

/** As it stands in an address. Half of a pair of surrogates, which no address can hold, becomes U+FFFD. */
const spelt = (text: string) => encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));

type Piece = [name: string, text: string, raw: string];

function piecesOf(path: string): Piece[] {
  const pieces = (split(path)[1] ?? "").split("&").filter(Boolean);
  return pieces.map((raw) => {
    const [name = "", ...rest] = raw.replaceAll("+", " ").split("=");
    return [decoded(name), decoded(rest.join("=")), raw];
  });
}

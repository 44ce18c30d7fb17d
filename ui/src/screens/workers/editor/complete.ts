import { type Member, membersOf, type Stubs } from "./stubs";

/** A name in the worker's `env`: bound as deployed, or as the project file in the editor says. */
export interface Bound {
  name: string;
  /** kv, d1, service, ratelimit, var, secret ... */
  kind: string;
}

export interface Known {
  stubs: Stubs;
  env: readonly Bound[];
}

export interface Proposal {
  label: string;
  insert: string;
  detail: string;
  about: string;
  kind: "method" | "field" | "class" | "binding";
}

/** What stands behind a kind of binding. */
const CLASSES: Readonly<Record<string, string>> = {
  kv: "KvNamespace",
  d1: "D1Database",
  service: "Fetcher",
  ratelimit: "RateLimit",
};

/** The kinds of `wrangler.jsonc` that bind names, and what each calls the name. */
const DECLARED: readonly (readonly [key: string, name: string, kind: string])[] = [
  ["kv_namespaces", "binding", "kv"],
  ["d1_databases", "binding", "d1"],
  ["services", "binding", "service"],
  ["ratelimits", "name", "ratelimit"],
];

const COMMENTS = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=\s*[}\]])/g;

/** The names that a project file in JSON binds; null while it cannot be read. */
export function declared(text: string): Bound[] | null {
  try {
    const bare = text.replace(COMMENTS, (each) => (each.startsWith('"') ? each : ""));
    return boundOf(JSON.parse(bare.replace(/,(?=\s*[}\]])/g, "")) as Record<string, unknown>);
  } catch {
    return null;
  }
}

/** The same of what a version keeps of it. */
export function boundOf(file: Readonly<Record<string, unknown>>): Bound[] {
  const listed = (value: unknown) => (Array.isArray(value) ? (value as Record<string, unknown>[]) : []);
  const bound = DECLARED.flatMap(([key, name, kind]) =>
    listed(file?.[key]).flatMap((each) => (typeof each?.[name] === "string" ? [{ name: each[name], kind }] : [])),
  );
  const vars = typeof file?.vars === "object" && file.vars !== null ? Object.keys(file.vars) : [];
  return [...bound, ...vars.map((name) => ({ name, kind: "var" }))];
}

/** The same name twice: the first one counts. */
export function together(...some: readonly (readonly Bound[])[]): Bound[] {
  const found = new Map<string, Bound>();
  for (const each of some.flat()) if (!found.has(each.name)) found.set(each.name, each);
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** The names of a dotted expression that ends at the caret, arguments left out: `self.env.DB.prepare("x").` */
export function chainBefore(text: string): string[] | null {
  let at = text.length;
  const chain: string[] = [];
  for (;;) {
    if (text[at - 1] === ")" || text[at - 1] === "]") {
      const open = opening(text, at - 1);
      if (open < 0) return null;
      at = open;
      continue;
    }
    const word = /[A-Za-z_]\w*$/.exec(text.slice(0, at))?.[0];
    if (!word) return chain.length > 0 || at < text.length ? null : [];
    chain.unshift(word);
    at -= word.length;
    const dot = /\.\s*$/.exec(text.slice(0, at));
    if (!dot) return chain;
    at -= dot[0].length;
  }
}

/** Where the bracket that ends at `close` was opened, strings passed over; -1 when it was not. */
function opening(text: string, close: number): number {
  let depth = 0;
  for (let at = close; at >= 0 && close - at < 2000; at--) {
    const each = text[at] ?? "";
    if (each === '"' || each === "'") {
      const begun = text.lastIndexOf(each, at - 1);
      if (begun < 0) return -1;
      at = begun;
    } else if (each === ")" || each === "]") depth++;
    else if (each === "(" || each === "[") {
      depth--;
      if (depth === 0) return at;
    }
  }
  return -1;
}

const ENV = "<env>";
/** What well-known names are, where nothing nearer says it. */
const USUAL: Readonly<Record<string, string>> = {
  env: ENV,
  request: "Request",
  req: "Request",
  response: "Response",
  ctx: "Context",
  controller: "ScheduledController",
};

/** The class of a dotted expression; "" when it is not known. */
function typeOf(chain: readonly string[], before: string, known: Known, deep = 0): string {
  const [first = "", ...rest] = chain[0] === "self" ? chain.slice(1) : chain;
  let type = USUAL[first] ?? (known.stubs.classes.has(first) ? first : assigned(first, before, known, deep));
  for (const name of rest) {
    if (type === ENV) {
      const kind = known.env.find((each) => each.name === name)?.kind ?? "";
      type = CLASSES[kind] ?? "";
    } else type = membersOf(known.stubs, type).find((each) => each.name === name)?.gives ?? "";
  }
  return type;
}

/** What `name` was last given: `db: D1Database`, `statement = self.env.DB.prepare(...)`. */
function assigned(name: string, before: string, known: Known, deep: number): string {
  if (deep > 3 || !/^\w+$/.test(name)) return "";
  const [, typed] = new RegExp(`\\b${name}\\s*:\\s*["']?(\\w+)`).exec(before) ?? [];
  if (typed && known.stubs.classes.has(typed)) return typed;
  const given = [...before.matchAll(new RegExp(`^\\s*${name}\\s*=\\s*(?:await\\s+)?(.+)$`, "gm"))].at(-1);
  const chain = given && chainBefore(given[1]?.trimEnd() ?? "");
  if (!chain || chain.length === 0) return "";
  const call = known.stubs.names.find((each) => each.name === chain[0]);
  return chain.length === 1 && call ? call.gives : typeOf(chain, before.slice(0, given.index), known, deep + 1);
}

const shownMember = (each: Member): Proposal => ({
  label: each.name,
  insert: each.name,
  detail: each.signature + (each.isCall && each.gives ? ` -> ${each.gives}` : ""),
  about: each.about,
  kind: each.isCall ? "method" : "field",
});

function exported({ classes, names }: Stubs): Proposal[] {
  const made = [...classes.values()].map(
    ({ name, about }): Proposal => ({ label: name, insert: name, detail: "workers", about, kind: "class" }),
  );
  return [...made, ...names.map(shownMember)];
}

/** What may come at the end of `before`, in Python. What the stubs do not know is left to the words of the file. */
export function proposals(before: string, known: Known): Proposal[] {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  if (/#/.test(line.replace(/(["']).*?\1/g, ""))) return [];
  if (/^\s*from\s+workers\s+import\s+[\w\s,(]*$/.test(line)) return exported(known.stubs);
  const dot = /\.\s*\w*$/.exec(line);
  if (!dot) return [];
  const head = before.slice(0, before.length - dot[0].length);
  const chain = chainBefore(head);
  if (!chain || chain.length === 0) return [];
  if (chain.length === 1 && chain[0] === "workers") return exported(known.stubs);
  if (chain.length === 1 && chain[0] === "self")
    return ["env", "ctx"].map((name) => ({ label: name, insert: name, detail: "", about: "", kind: "field" }));
  const type = typeOf(chain, head, known);
  if (type === ENV)
    return known.env.map(({ name, kind }) => ({
      label: name,
      insert: name,
      detail: CLASSES[kind] ?? kind,
      about: "",
      kind: "binding",
    }));
  return membersOf(known.stubs, type).map(shownMember);
}

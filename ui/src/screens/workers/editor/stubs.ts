// The shipped stubs as completion knows them. They are written by one program in one form, so lines say it all.

export interface Member {
  name: string;
  /** As it is written: `get(key, type=None, /, **named)`. */
  signature: string;
  /** What it gives, without `Awaitable`; "" where that is not said. */
  gives: string;
  isCall: boolean;
  about: string;
}

export interface Class {
  name: string;
  bases: readonly string[];
  members: readonly Member[];
  about: string;
}

export interface Stubs {
  classes: ReadonlyMap<string, Class>;
  /** Functions and values of the module. */
  names: readonly Member[];
}

const DEF = /^(?:async )?def (\w+)\((.*)\)(?: -> (.+))?:$/;
const VALUE = /^(\w+)(?:: ([^=]+?))?(?: = .*)?$/;

/** `str | None` as `str`, `"Headers"` as `Headers`. */
const plain = (type = "") =>
  type
    .replace(/["']/g, "")
    .split("|")
    .map((each) => each.trim())
    .find((each) => each !== "None") ?? "";

function memberOf(line: string, about: string): Member | null {
  const call = DEF.exec(line);
  if (call) {
    const [, name = "", given = "", gives] = call;
    const shown = given.replace(/^(self|cls)(, )?/, "").replace(/^\/(, )?/, "");
    return { name, signature: `${name}(${shown})`, gives: plain(gives), isCall: true, about };
  }
  const [, name = "", type] = VALUE.exec(line) ?? [];
  if (name === "" || /^(from|import|class|return|pass)$/.test(name)) return null;
  return { name, signature: type ? `${name}: ${type}` : name, gives: plain(type), isCall: false, about };
}

const docOf = (line: string | undefined) => /^\s*"""(.*?)"""$/.exec(line ?? "")?.[1] ?? "";

/** Reads stub texts one after the other as one. Of overloads the first is taken. */
export function stubsOf(...texts: readonly string[]): Stubs {
  const classes = new Map<string, Class>();
  const names: Member[] = [];
  for (const text of texts) {
    const lines = text.split("\n");
    let members: Member[] | null = null;
    let isProperty = false;
    for (const [at, line] of lines.entries()) {
      const begun = /^class (\w+)(?:\((.*)\))?:/.exec(line);
      if (begun) {
        const [, name = "", bases = ""] = begun;
        members = [];
        const parents = bases.split(",").map((each) => each.trim());
        classes.set(name, { name, bases: parents.filter(Boolean), members, about: docOf(lines[at + 1]) });
        continue;
      }
      const isInside = /^ {4}\S/.test(line);
      const isTop = /^[A-Za-z]/.test(line);
      if (!isInside && !isTop) continue;
      if (isTop) members = null;
      if (line.trim() === "@property") {
        isProperty = true;
        continue;
      }
      if (/^\s*(@|"""|\.\.\.|from |import )/.test(line)) continue;
      const into = isInside ? members : names;
      const found = memberOf(line.trim(), docOf(lines[at + 1]));
      if (found && into && !found.name.startsWith("_") && !into.some(({ name }) => name === found.name))
        into.push(isProperty ? { ...found, isCall: false, signature: `${found.name}: ${found.gives}` } : found);
      isProperty = false;
    }
  }
  return { classes, names };
}

/** Its own members, and after them those of the classes it is made of. */
export function membersOf(stubs: Stubs, name: string, seen: ReadonlySet<string> = new Set()): Member[] {
  const one = stubs.classes.get(name);
  if (!one || seen.has(name)) return [];
  const inherited = one.bases.flatMap((base) => membersOf(stubs, base, new Set([...seen, name])));
  return [...one.members, ...inherited.filter((each) => !one.members.some((own) => own.name === each.name))];
}

/**
 * Every shortcut of the dashboard. This one list feeds the palette, the tooltips and the `?` sheet; a key that is not
 * here does nothing. `keys`: steps parted by spaces, `mod` is Command on a Mac and Ctrl elsewhere.
 */
export const SHORTCUTS = [
  { id: "palette", keys: "mod+k", group: "everywhere", whileTyping: true },
  { id: "help", keys: "?", group: "everywhere" },
  { id: "docs", keys: "h", group: "everywhere" },
  { id: "switch.project", keys: "p", group: "everywhere" },
  { id: "theme", keys: "shift+t", group: "everywhere" },
  { id: "go.overview", keys: "g o", group: "go" },
  { id: "go.databases", keys: "g d", group: "go" },
  { id: "go.workers", keys: "g w", group: "go" },
  { id: "go.kv", keys: "g k", group: "go" },
  { id: "go.snapshots", keys: "g s", group: "go" },
  { id: "go.plans", keys: "g p", group: "go" },
  { id: "go.repositories", keys: "g r", group: "go" },
  { id: "go.activity", keys: "g a", group: "go" },
  { id: "go.alerts", keys: "g l", group: "go" },
  { id: "go.settings", keys: "g ,", group: "go" },
  { id: "list.search", keys: "shift+f", group: "list" },
  { id: "list.new", keys: "shift+n", group: "list" },
  { id: "list.clear", keys: "f c", group: "list" },
  { id: "list.next", keys: "j", group: "list" },
  { id: "list.previous", keys: "k", group: "list" },
  { id: "list.open", keys: "enter", group: "list", local: true },
  { id: "list.pick", keys: "space", group: "list", local: true },
  { id: "list.all", keys: "mod+a", group: "list", local: true },
  { id: "sql.run", keys: "mod+enter", group: "sql", whileTyping: true },
  { id: "sql.all", keys: "mod+shift+enter", group: "sql", whileTyping: true },
  { id: "sql.explain", keys: "mod+e", group: "sql", whileTyping: true },
  { id: "sql.analyze", keys: "mod+shift+e", group: "sql", whileTyping: true },
  { id: "sql.cancel", keys: "mod+.", group: "sql", whileTyping: true },
  { id: "sql.save", keys: "mod+s", group: "sql", whileTyping: true },
  { id: "sql.format", keys: "alt+shift+f", group: "sql", whileTyping: true },
  { id: "code.deploy", keys: "mod+shift+s", group: "code", whileTyping: true },
  { id: "code.send", keys: "alt+enter", group: "code", whileTyping: true },
] as const satisfies readonly Shortcut[];

interface Shortcut {
  id: string;
  keys: string;
  group: "everywhere" | "go" | "list" | "sql" | "code";
  /** Heard in text fields too. */
  whileTyping?: boolean;
  /** The focused list hears it by itself; here for the sheet. */
  local?: boolean;
}

export type ShortcutId = (typeof SHORTCUTS)[number]["id"];

const CHORD_MS = 1200;
const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);
const ALL: readonly Shortcut[] = SHORTCUTS;

export function keysOf(id: ShortcutId): string {
  return SHORTCUTS.find((each) => each.id === id)?.keys ?? "";
}

/** For people: `⌘K`, `G D`. */
export function shown(keys: string, mac: boolean = isMac): string[][] {
  const names: Record<string, string> = mac
    ? { mod: "⌘", shift: "⇧", alt: "⌥", enter: "↵", space: "␣" }
    : { mod: "Ctrl", shift: "Shift", alt: "Alt", enter: "Enter", space: "Space" };
  return keys.split(" ").map((step) => step.split("+").map((key) => names[key] ?? key.toUpperCase()));
}

/** One key press as the list writes it. Shift is named for letters only: `?` is `?` on every keyboard. */
export function stepOf(event: KeyboardEvent, mac: boolean = isMac): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const isLetter = /^[a-z]$/.test(key) || key.length > 1;
  const parts = [
    (mac ? event.metaKey : event.ctrlKey) && "mod",
    event.altKey && "alt",
    event.shiftKey && isLetter && "shift",
  ];
  return [...parts.filter(Boolean), key].join("+");
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // The editor writes into an element that is a text field by its role alone.
  return (
    target.isContentEditable ||
    target.getAttribute("role") === "textbox" ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
  );
}

/** Who does what at present. The one bound last is asked: a dialog covers the page below it. */
export class Shortcuts {
  private readonly bound = new Map<string, (() => void)[]>();
  private begun = "";
  private begunAt = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  bind(id: ShortcutId, run: () => void): () => void {
    const runs = this.bound.get(id) ?? [];
    this.bound.set(id, [...runs, run]);
    return () =>
      this.bound.set(
        id,
        (this.bound.get(id) ?? []).filter((each) => each !== run),
      );
  }

  isBound(id: ShortcutId): boolean {
    return (this.bound.get(id)?.length ?? 0) > 0;
  }

  run(id: ShortcutId): void {
    this.bound.get(id)?.at(-1)?.();
  }

  /** True when the key press was one of ours; the event is then used up. */
  handle(event: KeyboardEvent): boolean {
    if (event.defaultPrevented || event.isComposing || /^(Shift|Control|Alt|Meta)$/.test(event.key)) return false;
    const typing = isTyping(event.target);
    const chord = this.now() - this.begunAt < CHORD_MS && this.begun ? `${this.begun} ` : "";
    const keys = chord + stepOf(event);
    this.begun = "";
    const able = ALL.filter((each) => !each.local && (!typing || each.whileTyping) && this.bound.get(each.id)?.length);
    const found = able.find((each) => each.keys === keys);
    if (found) {
      event.preventDefault();
      this.bound.get(found.id)?.at(-1)?.();
      return true;
    }
    if (able.some((each) => each.keys.startsWith(`${keys} `))) {
      this.begun = keys;
      this.begunAt = this.now();
      event.preventDefault();
      return true;
    }
    return chord ? this.handle(event) : false;
  }
}

export const shortcuts = new Shortcuts();

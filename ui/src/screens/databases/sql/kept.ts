import { recall, remember, Store } from "@/shell/store";

/** A tab of the editor. Kept in this browser, so that a reload loses nothing. */
export interface Draft {
  id: string;
  title: string;
  text: string;
  /** The saved query it came from. */
  saved?: { id: string; version: number };
}

export interface Run {
  at: string;
  statement: string;
  ok: boolean;
  rows: number;
  ms: number;
}

export interface Drafts {
  open: readonly Draft[];
  at: string;
}

export const MOST_RUNS = 200;
export const MOST_DRAFTS = 20;
const MOST_TEXT = 100_000;

/** Newest first; what was run again moves to the top; what is too long to keep is not kept. */
export function withRun(history: readonly Run[], run: Run): Run[] {
  if (run.statement.length > MOST_TEXT) return [...history];
  return [run, ...history.filter(({ statement }) => statement !== run.statement)].slice(0, MOST_RUNS);
}

export function found(history: readonly Run[], typed: string): Run[] {
  const wanted = typed.trim().toLowerCase();
  return history.filter(({ statement }) => statement.toLowerCase().includes(wanted));
}

/** "Query 3": the lowest number that no open tab has. */
function untitled(open: readonly Draft[], word: string): string {
  for (let nth = 1; ; nth++) if (!open.some(({ title }) => title === `${word} ${nth}`)) return `${word} ${nth}`;
}

const fresh = (): string => crypto.randomUUID();

export function opened(drafts: Drafts, word: string, given: Partial<Draft> = {}): Drafts {
  const known = given.saved && drafts.open.find(({ saved }) => saved?.id === given.saved?.id);
  if (known) return { ...drafts, at: known.id };
  if (drafts.open.length >= MOST_DRAFTS) return drafts;
  const made: Draft = { text: "", title: untitled(drafts.open, word), ...given, id: fresh() };
  return { open: [...drafts.open, made], at: made.id };
}

/** There is always one tab; the one beside the closed one is then seen. */
export function closed(drafts: Drafts, id: string, word: string): Drafts {
  const place = drafts.open.findIndex((each) => each.id === id);
  const open = drafts.open.filter((each) => each.id !== id);
  if (open.length === 0) return opened({ open: [], at: "" }, word);
  const at = drafts.at === id ? (open[Math.min(place, open.length - 1)]?.id ?? "") : drafts.at;
  return { open, at };
}

export function changed(drafts: Drafts, id: string, patch: Partial<Draft>): Drafts {
  return { ...drafts, open: drafts.open.map((each) => (each.id === id ? { ...each, ...patch } : each)) };
}

const WRITE_MS = 400;

/** What this browser keeps of one database's editor. */
export class Kept {
  readonly drafts: Store<Drafts>;
  readonly history: Store<readonly Run[]>;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly database: string,
    private readonly word: string,
  ) {
    const drafts = recall<Drafts>(`sql.${database}.tabs`, { open: [], at: "" });
    const sound = Array.isArray(drafts?.open) && drafts.open.length > 0;
    this.drafts = new Store(sound ? drafts : opened({ open: [], at: "" }, word));
    const runs = recall<Run[]>(`sql.${database}.history`, []);
    this.history = new Store<readonly Run[]>(Array.isArray(runs) ? runs : []);
  }

  get here(): Draft {
    const { open, at } = this.drafts.get();
    return open.find(({ id }) => id === at) ?? (open[0] as Draft);
  }

  open(given: Partial<Draft> = {}): void {
    this.put(opened(this.drafts.get(), this.word, given));
  }

  close(id: string): void {
    this.put(closed(this.drafts.get(), id, this.word));
  }

  show(id: string): void {
    this.put({ ...this.drafts.get(), at: id });
  }

  change(id: string, patch: Partial<Draft>): void {
    this.put(changed(this.drafts.get(), id, patch));
  }

  ran(run: Run): void {
    this.history.set(withRun(this.history.get(), run));
    remember(`sql.${this.database}.history`, this.history.get());
  }

  forget(): void {
    this.history.set([]);
    remember(`sql.${this.database}.history`, []);
  }

  /** What was typed last, written now: the page goes away. */
  flush = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    remember(`sql.${this.database}.tabs`, this.drafts.get());
  };

  private put(drafts: Drafts): void {
    this.drafts.set(drafts);
    this.timer ??= setTimeout(this.flush, WRITE_MS);
  }
}

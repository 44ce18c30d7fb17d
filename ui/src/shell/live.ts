import { Store } from "./store";

/**
 * The one WebSocket. It carries signals: what may have changed, never the thing itself; a lossy hint, after which the
 * page reads again what it shows. After every new connection everything shown is read again, since nobody knows what
 * was missed.
 *
 * Messages of the server (JSON, `/api/v1/live`):
 *   {"type": "hello", "seq": 17}                     the newest audit place; anything else said before it is ignored
 *   {"type": "changed", "nouns": ["run", "database"], "seq": 18}
 *   {"type": "people", "page": "/databases/db_1", "people": [{"id": "...", "display": "..."}]}
 * Of the page: {"type": "look", "page": "/databases/db_1"} whenever the address changes.
 */
export type LiveState = "connecting" | "live" | "broken";
export interface Person {
  id: string;
  display: string;
}
type Message =
  | { type: "hello"; seq: number }
  | { type: "changed"; nouns: string[]; seq?: number }
  | { type: "people"; page: string; people: Person[] };

/** Hears the nouns of a signal; null after a new line, when nobody knows what was missed. */
type Ear = (nouns: readonly string[] | null) => void;

export interface Line {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

const FIRST_MS = 500;
const MOST_MS = 30_000;
const GATHER_MS = 250;

export class Live {
  readonly state = new Store<LiveState>("connecting");
  readonly people = new Store<readonly Person[]>([]);
  /** How many lines were lost or could not be had: each of them is news, though the state stays what it is. */
  readonly losses = new Store(0);
  private readonly ears = new Set<Ear>();
  private line: Line | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private nouns = new Set<string>();
  private page = "";
  private isOver = true;
  private wasLive = false;

  /** `onChanged(null)`: read everything shown again. `random` spreads the clients of a server that comes back. */
  constructor(
    private readonly dial: () => Line,
    private readonly onChanged: (nouns: readonly string[] | null) => void,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    if (!this.isOver) return;
    this.isOver = false;
    this.connect();
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    clearTimeout(this.gathering);
    this.line?.close();
    this.line = null;
    this.state.set("connecting");
  }

  /** At once, not when the wait is over: the browser is online again, or the tab is looked at. */
  hurry(): void {
    if (this.isOver || this.state.get() !== "broken") return;
    clearTimeout(this.timer);
    this.failures = 0;
    this.connect();
  }

  /** For what is not read by a query. Returns what ends it. */
  listen(ear: Ear): () => void {
    this.ears.add(ear);
    return () => this.ears.delete(ear);
  }

  look(page: string): void {
    this.page = page;
    this.people.set([]);
    if (this.state.get() === "live") this.line?.send(JSON.stringify({ type: "look", page }));
  }

  private connect(): void {
    const line = this.dial();
    this.line = line;
    line.onmessage = ({ data }) => this.line === line && this.hear(String(data));
    line.onclose = () => this.line === line && this.lost();
  }

  private lost(): void {
    this.line = null;
    this.people.set([]);
    this.state.set("broken");
    this.losses.set(this.losses.get() + 1);
    if (this.isOver) return;
    const wait = Math.min(MOST_MS, FIRST_MS * 2 ** this.failures) * (0.5 + this.random() / 2);
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private hear(text: string): void {
    const message = read(text);
    if (message?.type === "hello") {
      this.failures = 0;
      const again = this.wasLive || this.state.get() === "broken";
      this.wasLive = true;
      this.state.set("live");
      if (this.page) this.line?.send(JSON.stringify({ type: "look", page: this.page }));
      if (again) this.changed(null);
    } else if (message?.type === "changed") {
      for (const noun of message.nouns) this.nouns.add(noun);
      this.gathering ??= setTimeout(() => this.tell(), GATHER_MS);
    } else if (message?.type === "people" && message.page === this.page) {
      this.people.set(message.people);
    }
  }

  private tell(): void {
    this.gathering = undefined;
    const nouns = [...this.nouns];
    this.nouns.clear();
    this.changed(nouns);
  }

  private changed(nouns: readonly string[] | null): void {
    this.onChanged(nouns);
    for (const ear of [...this.ears]) ear(nouns);
  }
}

function read(text: string): Message | null {
  try {
    const found = JSON.parse(text) as Message;
    return typeof found?.type === "string" ? found : null;
  } catch {
    return null;
  }
}

/** The first word of the query keys that a noun of the audit log touches. */
const TOUCHES: Record<string, readonly string[]> = {
  run: ["runs", "plans", "repositories", "restores", "drills", "snapshots", "exports", "imports", "moves"],
  database: ["databases", "overview", "unprotected"],
  kv: ["kv_namespaces"],
  "worker-log": [], // workers write all the time: the open tail alone reads it
  snapshot: ["snapshots", "overview", "unprotected"],
  restore: ["snapshots", "databases"],
  plan: ["plans", "overview", "unprotected"],
  repository: ["repositories", "overview"],
  project: ["projects"],
  environment: ["projects"],
  alert: ["alerts", "alert_deliveries", "alert_channels", "overview"],
  alert_channel: ["alert_channels", "alert_deliveries"],
  session: ["sessions", "session"],
  role: ["session", "people", "roles", "grants"],
  user: ["people"],
  key: ["keys"],
  totp: ["factors", "people"],
  passkey: ["factors", "people"],
  recovery_code: ["factors"],
  second_factor: ["factors", "session"],
  sso: ["sso", "session", "people"],
};

const UNAUDITED = new Set(["run", "worker-log"]);

/** Audit is written by everything, so the feed of it follows any noun but these. */
export function touched(nouns: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const noun of nouns) {
    for (const key of TOUCHES[noun] ?? [`${noun}s`]) found.add(key);
    if (!UNAUDITED.has(noun)) found.add("activity");
  }
  return found;
}

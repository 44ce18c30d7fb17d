// A real Holdfast of a test's own: free port, temporary directories, its own master key; gone afterwards.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const OWNER = { email: "owner@example.org", password: "correct horse battery staple" };
const START_MS = 60_000;
const STOP_MS = 60_000;

export class Server {
  private child: ChildProcess | null = null;
  /** What makes the owner; null once there is one. */
  firstRunLink: string | null = null;

  private constructor(
    readonly root: string,
    readonly port: number,
    private readonly own: Readonly<Record<string, string>>,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Started and answering, with `own` settings besides. Throws with the server's last words. */
  static async start(own: Readonly<Record<string, string>> = {}): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "hf-ui-")), await freePort(), own);
    try {
      await server.up();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Again on the same port and data, after `down`. */
  async up(): Promise<void> {
    const log = join(this.root, "up.log");
    const words = await open(log, "a");
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
    const python = process.env.HOLDFAST_PYTHON;
    if (!python) throw new Error("HOLDFAST_PYTHON names no interpreter: run make ui-e2e");
    const facts = join(this.root, "facts.json");
    const told = await open(facts, "w");
    this.child = spawn(python, ["-m", "holdfast.cli", "--json", "up"], {
      stdio: ["ignore", told.fd, words.fd],
      detached: true, // its databases are told to stop by it, not by the terminal
      env: {
        ...Object.fromEntries(kept),
        HOLDFAST_DATA: join(this.root, "data"),
        HOLDFAST_RUNTIME: join(this.root, "run"),
        HOLDFAST_MASTER_KEY_FILE: join(this.root, "master.key"),
        HOLDFAST_CONTROL_PORT: String(this.port),
        HOLDFAST_APPS_PORT: "0",
        ...this.own,
      },
    });
    await words.close();
    await told.close();
    const until = Date.now() + START_MS;
    while (Date.now() < until && this.child.exitCode === null) {
      const text = await readFile(facts, "utf8");
      if (text.trimEnd().endsWith("}")) {
        this.firstRunLink = JSON.parse(text).first_run_link;
        return;
      }
      await sleep(50);
    }
    throw new Error(`Holdfast did not start:\n${(await readFile(log, "utf8")).slice(-3000)}`);
  }

  /** Stopped as by Ctrl-C, with its databases. */
  async down(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGINT");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(late);
    this.child = null;
  }

  async close(): Promise<void> {
    await this.down();
    await rm(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const found = probe.address();
      probe.close(() => (found && typeof found === "object" ? resolve(found.port) : reject(new Error("no port"))));
    });
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

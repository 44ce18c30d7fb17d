// The API as a signed-in person calls it, to prepare what a test looks at.
import { OWNER, type Server, sleep } from "./server";

// biome-ignore lint/suspicious/noExplicitAny: tests read answers of every route
export type Json = any;

export class Api {
  private cookie = "";

  constructor(private readonly server: Server) {}

  /** Signed in as the owner, who is made at the first call. */
  static async owner(server: Server): Promise<Api> {
    const api = new Api(server);
    const token = server.firstRunLink?.split("#token=")[1];
    if (token) await api.post("/session/first-run", { token, ...OWNER });
    else await api.post("/session", OWNER);
    server.firstRunLink = null;
    await api.post("/session/step-up", { password: OWNER.password });
    return api;
  }

  /** Somebody else, invited by `owner` with this role. */
  static async person(server: Server, owner: Api, email: string, role: string): Promise<Api> {
    const invited = await owner.post("/invites", { email, role });
    const token = String(invited.link).split("#invite=")[1];
    const api = new Api(server);
    await api.post("/invites/accept", { token, name: email.split("@")[0], password: OWNER.password });
    return api;
  }

  get session(): { name: string; value: string } {
    const [name = "", value = ""] = this.cookie.split("=", 2);
    return { name, value };
  }

  get(path: string): Promise<Json> {
    return this.call("GET", path);
  }

  post(path: string, body: Json = {}): Promise<Json> {
    return this.call("POST", path, body);
  }

  /** As somebody who is not signed in, such as whoever takes an invite. */
  stranger(path: string, body: Json): Promise<Json> {
    return new Api(this.server).post(path, body);
  }

  /** Throws with the error's own words. `version`: of the thing as it was read, where a change asks for it. */
  async call(method: string, path: string, body?: Json, version?: number): Promise<Json> {
    const answer = await fetch(`${this.server.url}/api/v1${path}`, {
      method,
      headers: {
        origin: this.server.url,
        ...(this.cookie ? { cookie: this.cookie } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(version === undefined ? {} : { "if-match": `"v${version}"` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const set = answer.headers.getSetCookie().find((each) => each.includes("holdfast_session="));
    if (set) this.cookie = set.split(";", 1)[0] ?? "";
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** The end of a run; throws when it failed. */
  async ended(run: Json): Promise<Json> {
    for (let tries = 0; tries < 1200; tries++) {
      const now = await this.get(`/runs/${run.id}`);
      if (["succeeded", "failed", "cancelled"].includes(now.state)) {
        if (now.state !== "succeeded") throw new Error(`${now.kind} ${now.state}: ${JSON.stringify(now.error)}`);
        return now;
      }
      await sleep(50);
    }
    throw new Error(`the run ${run.id} does not end`);
  }

  /** An environment to put things into: the one every Holdfast begins with. */
  async environment(): Promise<Json> {
    const projects = await this.get("/projects");
    return (await this.get(`/projects/${projects.items[0].id}/environments`)).items[0];
  }

  async database(engine: string, name: string): Promise<Json> {
    const environment = await this.environment();
    const made = await this.post("/databases", { environment_id: environment.id, engine, name });
    await this.ended(made.run);
    return made.resource;
  }

  query(database: Json, statement: string): Promise<Json> {
    return this.post(`/databases/${database.id}/query`, { statement, write: true });
  }

  async snapshot(database: Json, repository?: string): Promise<Json> {
    const into = repository ? { repository_id: repository } : {};
    const made = await this.post(`/databases/${database.id}/snapshots`, into);
    await this.ended(made.run);
    return made.snapshot;
  }
}

import { afterEach, expect, test, vi } from "vitest";
import { ApiError, guarded } from "./api";
import { gate } from "./gate";
import { reach } from "./reach";

const said = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const error = (code: string) => ({ error: { code, message: code } });
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

afterEach(() => {
  vi.unstubAllGlobals();
  reach.answered();
});

test("a call that finds the session over waits for the sign-in and is sent again, whole", async () => {
  const bodies: string[] = [];
  let isIn = false;
  vi.stubGlobal("fetch", async (request: Request) => {
    bodies.push(await request.text());
    return isIn ? said(200, { ok: true }) : said(401, error("unauthenticated"));
  });
  const both = ["one", "two"].map((body) => guarded("http://localhost/api/v1/databases", { method: "POST", body }));
  await vi.waitFor(() => expect(gate.open.get()).toBe("sign-in"));
  expect(bodies).toHaveLength(2);
  isIn = true;
  gate.settle(true);
  const answers = await Promise.all(both);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(bodies.sort()).toEqual(["one", "one", "two", "two"]);
  expect(gate.open.get()).toBeNull();
});

test("a wrong password is the form's to tell, not another dialog", async () => {
  vi.stubGlobal("fetch", async () => said(401, error("credentials_wrong")));
  const answer = await guarded("http://localhost/api/v1/session", { method: "POST", body: "{}" });
  expect(answer.status).toBe(401);
  expect(gate.open.get()).toBeNull();
});

test("who closes the step-up gets the refusal, with its body", async () => {
  vi.stubGlobal("fetch", async () => said(403, error("step_up_required")));
  const asked = guarded("http://localhost/api/v1/databases/db_1/url", { method: "POST", body: "{}" });
  await vi.waitFor(() => expect(gate.open.get()).toBe("step-up"));
  gate.settle(false);
  const answer = await asked;
  expect(answer.status).toBe(403);
  expect(await answer.json()).toEqual(error("step_up_required"));
});

test("a plain refusal opens nothing", async () => {
  vi.stubGlobal("fetch", async () => said(403, error("denied")));
  expect((await guarded("http://localhost/api/v1/databases")).status).toBe(403);
  await soon();
  expect(gate.open.get()).toBeNull();
});

test("no answer is an error that says so, and the next answer takes it back", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed to fetch")));
  await expect(guarded("http://localhost/api/v1/databases")).rejects.toMatchObject({ code: "offline", status: 0 });
  expect(reach.there.get()).toBe(false);
  vi.stubGlobal("fetch", async () => said(200, {}));
  await guarded("http://localhost/api/v1/databases");
  expect(reach.there.get()).toBe(true);
});

test("fields are named without what they came in", () => {
  const details = { fields: [{ field: "body.spec.version", message: "no" }] };
  expect(new ApiError(422, { code: "invalid", message: "no", details }).fields).toEqual({ "spec.version": "no" });
});

test("a limit's hint says when to come back, not which field of the answer says it", () => {
  const body = { code: "rate_limited", message: "m", hint: "Wait until `reset_at`, or ask." };
  const said = new ApiError(429, { ...body, details: { reset_at: "2026-11-22T10:00:00Z" } }).hint ?? "";
  expect(said).toContain("2026");
  expect(said).not.toContain("reset_at");
  expect(new ApiError(429, body).hint).toBe(body.hint);
});

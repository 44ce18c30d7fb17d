import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type WorkerOut, workerDeploy, workerStart, workerVersionCreate, workerVersionGet } from "@/api";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { type Draft, isDirty, uploadOf } from "./draft";
import { type Problem, problemOf, refusals } from "./problems";
import { traceOf } from "./trace";
import { settle } from "./useBase";

const LOOK_MS = 700;

export type Step = "upload" | "build" | "deploy" | "start";

export type Outcome =
  | { kind: "none" }
  | { kind: "done"; number: number }
  /** Nothing was deployed. `more`: what may be agreed to, and then it goes. */
  | {
      kind: "refused";
      problems: readonly Problem[];
      hint: string | null;
      more: keyof typeof WISHES | null;
      stack?: string | null;
    }
  /** Deployed, and cannot be imported: requests fail. `sent`: the changes that were deployed. */
  | { kind: "broken"; number: number; problems: readonly Problem[]; stack: string | null; sent: Draft };

export interface Wish {
  create_missing?: boolean;
  accept_findings?: boolean;
  skip_check?: boolean;
}

const MORE = { binding_missing: "missing", findings_unaccepted: "findings", version_broken: "check" } as const;

/** What is agreed to, in the API's words. */
export const WISHES = {
  missing: { create_missing: true },
  findings: { accept_findings: true },
  check: { skip_check: true },
} as const satisfies Record<string, Wish>;

/** Upload, wait for its packages, deploy, and start it to see that it imports. */
export function useDeploy(worker: WorkerOut, onDeployed: (sent: Draft, version: string, number: number) => void) {
  const { t } = useTranslation();
  const can = useCan();
  const [step, setStep] = useState<Step | null>(null);
  const [outcome, setOutcome] = useState<Outcome>({ kind: "none" });
  /** Uploaded and not deployed, because something has to be agreed to first. */
  const waiting = useRef<{ id: string; number: number; sent: Draft } | null>(null);
  const path = { worker_id: worker.id };

  /** Without changes it is the version that is there already. */
  async function uploaded(sent: Draft) {
    setStep("upload");
    let version =
      sent.base !== null && !isDirty(sent)
        ? await data(workerVersionGet({ path: { worker_version_id: sent.base } }))
        : await data(workerVersionCreate({ path, body: uploadOf(sent), headers: once() }));
    setStep("build");
    while (version.state === "building") {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      version = await data(workerVersionGet({ path: { worker_version_id: version.id } }));
    }
    return version;
  }

  async function start(id: string, number: number, sent: Draft, paths: readonly string[]): Promise<Outcome> {
    if (!can("worker.invoke") || !worker.enabled) return { kind: "done", number };
    setStep("start");
    const started = await data(workerStart({ path, body: { version_id: id } }));
    if (started.state !== "failed") return { kind: "done", number };
    const said = started.stack ?? started.error ?? "";
    return { kind: "broken", number, problems: [problemOf(said, paths)], stack: started.stack, sent };
  }

  async function go(sent: Draft, paths: readonly string[], wish: Wish = {}): Promise<Outcome> {
    const version = waiting.current?.sent === sent ? waiting.current : await uploaded(sent);
    if ("state" in version && version.state === "failed") {
      const said = (version.error ?? {}) as { message?: string; hint?: string; details?: Record<string, unknown> };
      const error = { message: said.message ?? "", hint: said.hint ?? null, details: said.details ?? {} };
      return { kind: "refused", problems: refusals(error, paths), hint: error.hint, more: null };
    }
    waiting.current = { id: version.id, number: version.number, sent };
    setStep("deploy");
    await data(workerDeploy({ path, body: { version_id: version.id, ...wish }, headers: once() }));
    waiting.current = null;
    settle(worker.id, sent, await data(workerVersionGet({ path: { worker_version_id: version.id } })));
    onDeployed(sent, version.id, version.number);
    void queries.invalidateQueries({ queryKey: ["workers"] });
    try {
      return await start(version.id, version.number, sent, paths);
    } catch (thrown) {
      // It is deployed; that it could not be looked at is said in the place of what it would have shown.
      const { message, hint } = asError(thrown);
      const problem = { path: null, line: null, message: `${t("code:notStarted")} ${message}` };
      return { kind: "broken", number: version.number, problems: [problem], stack: hint, sent };
    }
  }

  async function deploy(sent: Draft, paths: readonly string[], wish: Wish = {}) {
    if (step) return;
    setStep("upload");
    try {
      setOutcome(await go(sent, paths, wish));
    } catch (thrown) {
      const error = asError(thrown);
      const more = MORE[error.code as keyof typeof MORE] ?? null;
      const stack = more === "check" && can("worker.logs.read") ? await traceOf(worker.id, error.details) : null;
      const problems = stack ? [problemOf(stack, paths)] : refusals(error, paths);
      setOutcome({ kind: "refused", problems, hint: stack ? null : error.hint, more, stack });
    } finally {
      setStep(null);
    }
  }
  return { step, outcome, deploy, forget: () => setOutcome({ kind: "none" }) };
}

import { useMutation } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type WorkerOut, workerRollback } from "@/api";
import { Button } from "@/parts/Button";
import { sentence } from "@/parts/ErrorPanel";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import type { Draft } from "./draft";
import type { Problem } from "./problems";
import { type Outcome, WISHES, type Wish } from "./useDeploy";

interface Props {
  worker: WorkerOut;
  outcome: Outcome;
  busy: boolean;
  onLook: (problem: Problem) => void;
  onAgree: (wish: Wish) => void;
  /** Requests go to the version before: what was deployed is a change again. */
  onBack: (sent: Draft) => void;
  onClose: () => void;
}

/** What came of the last deployment, below the editor. */
export function Result({ worker, outcome, busy, onLook, onAgree, onBack, onClose }: Props) {
  const { t } = useTranslation();
  if (outcome.kind === "none") return null;
  const close = (
    <Button look="quiet" size="icon" className="size-7" aria-label={t("shell:close")} icon={<X />} onClick={onClose} />
  );
  if (outcome.kind === "done")
    return (
      <div role="status" className="flex shrink-0 items-center gap-2 border-t bg-good-soft px-4 py-1 text-good text-sm">
        <CircleCheck className="size-4 shrink-0" aria-hidden />
        <span className="min-w-0 flex-1">{t("code:deployedNow", { number: outcome.number })}</span>
        {close}
      </div>
    );
  return (
    <section
      aria-label={t("code:problems")}
      className="max-h-[45%] shrink-0 overflow-y-auto border-t bg-panel"
      data-result={outcome.kind}
    >
      <div className="flex items-center gap-2 py-1 pr-4 pl-4 text-bad">
        <CircleAlert className="size-4 shrink-0" aria-hidden />
        <h2 role="alert" className="min-w-0 flex-1 font-medium text-sm">
          {outcome.kind === "broken" ? t("code:broken", { number: outcome.number }) : t("code:refused")}
        </h2>
        {close}
      </div>
      <ul className="px-4 pb-2">
        {outcome.problems.map((each) => (
          <li key={`${each.path} ${each.line} ${each.message}`} className="text-sm">
            {each.path && each.line ? (
              <button
                type="button"
                className="inset-ring-focus w-full rounded-sm py-0.5 text-left hover:bg-hover"
                onClick={() => onLook(each)}
              >
                <span className="font-mono text-accent-text text-xs">
                  {t("code:place", { path: each.path, line: each.line })}
                </span>{" "}
                <span className="break-words">{each.message}</span>
              </button>
            ) : (
              <span className="break-words">{sentence(each.message)}</span>
            )}
          </li>
        ))}
        {outcome.kind === "refused" && outcome.hint && <li className="text-muted text-xs">{outcome.hint}</li>}
      </ul>
      {outcome.kind === "refused" && outcome.more && (
        <div className="grid justify-items-start gap-2 px-4 pb-3">
          <Trace stack={outcome.stack ?? null} problem={outcome.problems[0]} />
          <Button busy={busy} onClick={() => outcome.more && onAgree(WISHES[outcome.more])}>
            {t(outcome.more === "missing" ? "code:makeMissing" : "code:anyway")}
          </Button>
        </div>
      )}
      {outcome.kind === "broken" && (
        <div className="grid gap-2 px-4 pb-3">
          <Trace stack={outcome.stack} problem={outcome.problems[0]} />
          {outcome.number > 1 && <Back worker={worker} onBack={() => onBack(outcome.sent)} />}
        </div>
      )}
    </section>
  );
}

/** Where it went wrong, unless that is said above already. */
function Trace({ stack, problem }: { stack: string | null; problem: Problem | undefined }) {
  if (!stack || stack.trim() === problem?.message) return null;
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
      tabIndex={0}
      className="inset-ring-focus w-full overflow-x-auto rounded-md bg-sunken p-2 font-mono text-xs"
    >
      {stack}
    </pre>
  );
}

/** Requests go to what was deployed before; the text in the editor stays. */
function Back({ worker, onBack }: { worker: WorkerOut; onBack: () => void }) {
  const { t } = useTranslation();
  const back = useMutation({
    mutationFn: () => data(workerRollback({ path: { worker_id: worker.id }, body: {}, headers: once() })),
    networkMode: "always",
    onSuccess: ({ versions }) => {
      toast.good(t("code:wentBack", { number: versions[0]?.number }));
      void queries.invalidateQueries({ queryKey: ["workers"] });
      onBack();
    },
  });
  return (
    <Button className="w-fit" busy={back.isPending} onClick={() => back.mutate()}>
      {t("code:back")}
    </Button>
  );
}

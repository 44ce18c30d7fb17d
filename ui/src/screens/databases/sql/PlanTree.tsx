import { useTranslation } from "react-i18next";
import { count, lasted } from "@/parts/text";
import type { Step } from "./explain";

/** The plan as a tree; the bar is a step's own share of the whole cost. */
export function PlanTree({ steps }: { steps: readonly Step[] }) {
  const { t } = useTranslation();
  return (
    <div className="h-full overflow-auto p-4">
      <ul aria-label={t("sql:plan")} className="grid min-w-80 gap-1">
        {steps.map((step, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a plan does not change, and steps repeat
          <Node key={at} step={step} />
        ))}
      </ul>
    </div>
  );
}

/** Ten times more or fewer rows than the plan was made for: statistics are old, or the plan is wrong. */
function isOff({ rows, actual }: Step): boolean {
  if (rows === null || actual === null) return false;
  return Math.max(rows, actual, 1) / Math.max(1, Math.min(rows, actual)) >= 10;
}

function Node({ step }: { step: Step }) {
  const { t } = useTranslation();
  const share = step.share === null ? null : Math.round(step.share * 100);
  return (
    <li>
      <div className="rounded-md border px-3 py-2">
        <div className="flex flex-wrap items-baseline gap-x-3">
          <span className="font-medium">{step.title}</span>
          {step.ms !== null && <span className="font-medium text-xs">{lasted(step.ms / 1000)}</span>}
          {step.actual !== null && (
            <span className={`text-xs ${isOff(step) ? "text-warn" : "text-muted"}`}>
              {t("sql:planActual", { count: step.actual, rows: count(step.actual) })}
            </span>
          )}
          {step.rows !== null && (
            <span className="text-muted text-xs">
              {t("sql:planRows", { count: step.rows, rows: count(step.rows) })}
            </span>
          )}
          {share !== null && <span className="text-muted text-xs">{share} %</span>}
          {step.cost !== null && (
            <span className="text-muted text-xs">{t("sql:planCost", { cost: count(step.cost) })}</span>
          )}
        </div>
        {step.facts.map((fact) => (
          <div key={fact} className="break-words font-mono text-muted text-xs">
            {fact}
          </div>
        ))}
        {share !== null && (
          <div aria-hidden className="mt-1.5 h-1 overflow-hidden rounded-full bg-strong-line/40">
            <div
              className={`h-full rounded-full ${share > 50 ? "bg-warn" : "bg-accent"}`}
              style={{ width: `${share}%` }}
            />
          </div>
        )}
      </div>
      {step.steps.length > 0 && (
        <ul className="mt-1 ml-3 grid gap-1 border-l pl-3">
          {step.steps.map((below, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a plan does not change, and steps repeat
            <Node key={at} step={below} />
          ))}
        </ul>
      )}
    </li>
  );
}

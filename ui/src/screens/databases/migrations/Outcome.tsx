import { CircleCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RunOut } from "@/api";
import { lasted } from "@/parts/text";
import { A } from "@/shell/address";

interface Rehearsed {
  number: number;
  name: string;
  seconds: number;
  statements: number;
  locks: string[];
  slowest: { line: number; seconds: number }[];
}

/** What a run of migrations did, from its result. */
export function Outcome({ run }: { run: RunOut }) {
  const { t } = useTranslation();
  const result = run.result ?? {};
  const rehearsed = result.rehearsed as Rehearsed[] | undefined;
  if (rehearsed) return <Rehearsal of={rehearsed} onClone={Boolean(result.on_clone)} />;
  const numbers = (result.applied ?? result.rolled_back ?? result.baseline ?? []) as number[];
  const word = result.applied ? "applied" : result.rolled_back ? "rolledBack" : "taken";
  const snapshot = result.snapshot_id;
  return (
    <div className="grid gap-2">
      <p className="flex items-center gap-2">
        <CircleCheck className="size-4 text-good" aria-hidden />
        {t(`migrations:${word}`, { count: numbers.length, list: numbers.join(", ") })}
      </p>
      {typeof snapshot === "string" && (
        <p className="text-muted text-sm">
          {t("migrations:before")}{" "}
          <A to={`/snapshots/${snapshot}`} className="text-accent-text hover:underline">
            {t("migrations:thatSnapshot")}
          </A>
        </p>
      )}
    </div>
  );
}

function Rehearsal({ of, onClone }: { of: readonly Rehearsed[]; onClone: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-3">
      <p className="flex items-center gap-2">
        <CircleCheck className="size-4 shrink-0 text-good" aria-hidden />
        {t(onClone ? "migrations:rehearsedOnClone" : "migrations:rehearsed")}
      </p>
      <ul className="grid gap-3">
        {of.map((each) => (
          <li key={each.number} className="rounded-md border px-3 py-2">
            <p className="flex justify-between gap-3 font-medium">
              <span className="min-w-0 break-words">
                {each.number} {each.name}
              </span>
              <span className="figures shrink-0">{lasted(each.seconds)}</span>
            </p>
            <p className="text-muted text-xs">{t("migrations:statements", { count: each.statements })}</p>
            {each.slowest.length > 1 && (
              <p className="text-muted text-xs">
                {t("migrations:slowest")}:{" "}
                {each.slowest
                  .slice(0, 3)
                  .map(({ line, seconds }) => t("migrations:atLine", { line, time: lasted(seconds) }))
                  .join(", ")}
              </p>
            )}
            {each.locks.length > 0 && (
              <details className="mt-1 text-xs">
                <summary className="text-muted hover:text-text">
                  {t("migrations:held", { count: each.locks.length })}
                </summary>
                <ul className="mt-1 grid gap-0.5 font-mono">
                  {each.locks.map((lock) => (
                    <li key={lock} className="break-words">
                      {lock}
                    </li>
                  ))}
                </ul>
              </details>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleMinus, CircleX, ListChecks, Play, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type CaseOut, type CaseResultOut, workerCaseDelete, workerCaseList, workerCaseRun } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { lasted } from "@/parts/text";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";

interface Props {
  worker: string;
  onPick: (one: CaseOut) => void;
}

const keyOf = (worker: string) => ["workers", worker, "cases"];

/** Saved requests with what is expected of them: sent again, one or all. */
export function Cases({ worker, onPick }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const path = { worker_id: worker };
  const [results, setResults] = useState<Record<string, CaseResultOut>>({});
  const { data: cases, error } = useQuery({
    queryKey: keyOf(worker),
    queryFn: () => data(workerCaseList({ path })),
  });
  const running = useMutation({
    mutationFn: (names: string[] | null) => data(workerCaseRun({ path, body: { names } })),
    networkMode: "always",
    onSuccess: (all) =>
      setResults((before) => ({ ...before, ...Object.fromEntries(all.map((each) => [each.name, each])) })),
  });
  const forgetting = useMutation({
    mutationFn: (name: string) => data(workerCaseDelete({ path: { ...path, name } })),
    networkMode: "always",
    onSuccess: () => queries.invalidateQueries({ queryKey: keyOf(worker) }),
  });
  if (error) return <ErrorPanel error={error} />;
  const known = (cases ?? []).flatMap(({ name }) => results[name] ?? []);
  const passed = known.filter((each) => each.passed).length;
  return (
    <section aria-label={t("code:cases")}>
      <div className="flex h-9 items-center gap-2">
        <h2 className="min-w-0 flex-1 font-semibold text-sm">{t("code:cases")}</h2>
        {known.length > 0 && (
          <span role="status" className={passed === known.length ? "text-good text-xs" : "text-bad text-xs"}>
            {t("code:passed", { passed, of: known.length })}
          </span>
        )}
        {(cases ?? []).length > 0 && (
          <Button size="small" icon={<ListChecks />} busy={running.isPending} onClick={() => running.mutate(null)}>
            {t("code:runAll")}
          </Button>
        )}
      </div>
      {cases?.length === 0 && <p className="text-muted text-sm">{t("code:noCases")}</p>}
      <ul className="grid">
        {(cases ?? []).map((each) => (
          <li key={each.name} className="border-b py-1.5 last:border-b-0">
            <div className="flex items-center gap-1.5">
              <Mark result={results[each.name]} />
              <button
                type="button"
                className="inset-ring-focus min-w-0 flex-1 rounded-sm px-1 text-left hover:bg-hover"
                onClick={() => onPick(each)}
              >
                <span className="block truncate text-sm">{each.name}</span>
                <span className="block truncate font-mono text-muted text-xs">
                  {each.request.method} {each.request.path}
                  {each.expected.status !== null && ` → ${each.expected.status}`}
                </span>
              </button>
              <Button
                look="quiet"
                size="icon"
                className="size-7"
                aria-label={t("code:runCase", { name: each.name })}
                icon={<Play />}
                disabled={running.isPending}
                onClick={() => running.mutate([each.name])}
              />
              {can("worker.update") && (
                <Button
                  look="quiet"
                  size="icon"
                  className="size-7"
                  aria-label={t("code:deleteCase", { name: each.name })}
                  icon={<Trash2 />}
                  disabled={forgetting.isPending}
                  onClick={() => forgetting.mutate(each.name)}
                />
              )}
            </div>
            <Words result={results[each.name]} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Mark({ result }: { result: CaseResultOut | undefined }) {
  const { t } = useTranslation();
  const [Icon, tone, word] = !result
    ? ([CircleMinus, "text-faint", "notRun"] as const)
    : result.passed
      ? ([CircleCheck, "text-good", "casePassed"] as const)
      : result.skipped
        ? ([CircleMinus, "text-warn", "caseSkipped"] as const)
        : ([CircleX, "text-bad", "caseFailed"] as const);
  return (
    <span className={tone} title={t(`code:${word}`)}>
      <Icon className="size-4" aria-hidden />
      <span className="sr-only">{t(`code:${word}`)}</span>
    </span>
  );
}

function Words({ result }: { result: CaseResultOut | undefined }) {
  if (!result) return null;
  return (
    <div className="pl-[26px] text-xs">
      {result.wrong.map((each) => (
        <p key={each} className="break-words text-bad">
          {sentence(each)}
        </p>
      ))}
      {result.passed && result.milliseconds !== null && (
        <p className="text-muted">
          {result.status} · {lasted(result.milliseconds / 1000)}
        </p>
      )}
    </div>
  );
}

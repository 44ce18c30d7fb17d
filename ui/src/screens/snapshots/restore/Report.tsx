import { CircleCheck } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { RestoreOut, RunOut, SnapshotOut } from "@/api";
import { Button } from "@/parts/Button";
import { Facts } from "@/parts/Page";
import { Time } from "@/parts/small";
import { count, lasted } from "@/parts/text";
import { A } from "@/shell/address";
import { Checks } from "../Checks";
import { checksOf } from "../checksOf";

interface Props {
  snapshot: SnapshotOut;
  run: RunOut;
  restore: RestoreOut;
}

/** What came back, how it was compared, and the way to undo it. */
export function Report({ snapshot, run, restore }: Props) {
  const { t } = useTranslation();
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  const checks = checksOf(restore.verdict?.checks);
  const judged = checks.filter(({ ok }) => ok !== null).length;
  const started = run.started_at ? Date.parse(run.started_at) : null;
  const took = started && run.finished_at ? (Date.parse(run.finished_at) - started) / 1000 : null;
  const replaced = restore.mode === "in_place";
  const notes = Array.isArray(restore.receipt?.notes) ? restore.receipt.notes.map(String) : [];
  const rows = restore.select.length === 0 ? snapshot.rows : null;
  return (
    <div className="grid gap-5">
      <div className="flex items-center gap-3">
        <CircleCheck className="size-6 shrink-0 text-good" aria-hidden />
        <h2 ref={head} tabIndex={-1} className="font-semibold text-lg outline-none">
          {t(replaced ? "restore:isBack" : "restore:isThere")}
        </h2>
      </div>
      <p>
        {rows !== null && snapshot.tables !== null
          ? t("restore:compared", {
              rows: t("snapshots:rowCount", { count: rows, shown: count(rows) }),
              tables: t("restore:tables", { count: snapshot.tables }),
              checks: t("restore:checks", { count: judged }),
            })
          : t("restore:comparedSome", { checks: t("restore:checks", { count: judged }) })}
      </p>
      <Facts
        facts={[
          [t("snapshots:took"), took === null ? "–" : lasted(took)],
          [t("snapshots:taken"), <Time key="at" at={snapshot.taken_at} />],
          ...(restore.masking ? [[t("restore:masking"), restore.masking] as const] : []),
          ...(restore.kept_until ? [[t("restore:oldKept"), <Time key="kept" at={restore.kept_until} />] as const] : []),
        ]}
      />
      {notes.length > 0 && (
        <ul className="grid gap-1 text-muted text-sm">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <div className="flex flex-wrap gap-2">
        <Button look="primary" asChild>
          <A to={`/databases/${restore.resource_id}`}>{t("restore:open")}</A>
        </Button>
        {restore.safety_snapshot_id && (
          <Button asChild>
            <A to={`/snapshots/${restore.safety_snapshot_id}/restore`} search={{ mode: "in_place", step: "check" }}>
              {t("restore:undo")}
            </A>
          </Button>
        )}
        <Button look="quiet" asChild>
          <A to={`/runs/${run.id}`}>{t("restore:openRun")}</A>
        </Button>
      </div>
      {restore.safety_snapshot_id && <p className="text-muted text-xs">{t("restore:undoLead")}</p>}
      {checks.length > 0 && (
        <details>
          <summary className="font-medium text-muted text-xs hover:text-text">
            {t("restore:checks", { count: checks.length })}
          </summary>
          <Checks checks={checks} />
        </details>
      )}
    </div>
  );
}

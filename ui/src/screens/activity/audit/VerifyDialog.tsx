import { useMutation, useQuery } from "@tanstack/react-query";
import { ShieldAlert, ShieldCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { auditRead } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Progress } from "@/parts/RunState";
import { count, moment } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { firstBroken, type Verified, verify } from "./verifying";

/** Begins at once: whoever opens it asked for it. Closing it stops listening; the server records the result anyway. */
export function VerifyDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [far, setFar] = useState({ done: 0, of: 0 });
  const leaving = useRef(new AbortController());
  const run = useMutation({
    mutationFn: () => verify((done, of) => setFar({ done, of }), leaving.current.signal),
    networkMode: "always",
    meta: { quiet: true },
  });
  const begin = run.mutate;
  useEffect(() => {
    leaving.current = new AbortController();
    const { current } = leaving;
    begin();
    return () => current.abort();
  }, [begin]);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("audit:verifyTitle")}
      lead={t("audit:verifyLead")}
      wide
      foot={
        <>
          {run.error && <Button onClick={() => begin()}>{t("shell:retry")}</Button>}
          <Button look="primary" onClick={onClose}>
            {t("shell:close")}
          </Button>
        </>
      }
    >
      {run.isPending && (
        <Progress
          label={t("audit:verifyTitle")}
          of={{
            phase: t("audit:reading"),
            done: far.done,
            total: far.of || null,
            unit: "rows",
            rate: null,
            eta_seconds: null,
          }}
        />
      )}
      {run.error && <ErrorText error={asError(run.error)} />}
      {run.data && <Result of={run.data} onClose={onClose} />}
    </Dialog>
  );
}

function Result({ of, onClose }: { of: Verified; onClose: () => void }) {
  const { t } = useTranslation();
  const [, set] = useAddress();
  const { data: first } = useQuery({
    queryKey: ["audit-first"],
    queryFn: () => data(auditRead({ path: { event_id: "1" } })),
    enabled: of.rows > 0,
  });
  const broken = firstBroken(of.findings);
  const Icon = of.ok ? ShieldCheck : ShieldAlert;
  return (
    <div className="grid gap-3" role="status">
      <p className={`flex items-center gap-2 font-medium text-base ${of.ok ? "text-good" : "text-bad"}`}>
        <Icon className="size-5 shrink-0" aria-hidden />
        {t(of.ok ? "audit:sound" : "audit:broken", { count: of.ok ? of.rows : of.found })}
      </p>
      <ul className="grid gap-1 text-muted text-sm">
        <li>{t("audit:rows", { count: of.rows, shown: count(of.rows), since: first ? moment(first.at) : "…" })}</li>
        <li>{t("audit:anchors", { count: of.anchors })}</li>
        {of.erased > 0 && <li>{t("audit:erasedRows", { count: of.erased })}</li>}
        {of.waiting > 0 && <li>{t("audit:waiting", { count: of.waiting })}</li>}
      </ul>
      {broken && (
        <div className="grid justify-items-start gap-2 rounded-md bg-bad-soft px-3 py-2">
          <p className="text-bad">
            <span className="font-medium">
              {broken.seq === null ? t("audit:noPlace") : t("audit:firstAt", { seq: broken.seq })}
            </span>{" "}
            {t(`audit:findings.${broken.kind}`, { defaultValue: broken.kind })}: {broken.message}
          </p>
          {broken.seq !== null && broken.kind !== "removed" && (
            <Button
              size="small"
              onClick={() => {
                onClose();
                set({ row: String(broken.seq) }, true);
              }}
            >
              {t("audit:showRow")}
            </Button>
          )}
        </div>
      )}
      {of.findings.length > 1 && (
        <details className="text-sm">
          <summary className="text-muted">{t("audit:all", { count: of.found })}</summary>
          <ol className="mt-1 grid max-h-56 gap-1 overflow-y-auto font-mono text-xs">
            {of.findings.slice(0, 200).map((each) => (
              <li key={`${each.kind} ${each.seq} ${each.id} ${each.message}`}>
                {each.seq ?? "–"} {each.kind}: {each.message}
              </li>
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

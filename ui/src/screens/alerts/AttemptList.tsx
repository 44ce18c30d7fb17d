import { CircleCheck, CircleX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { sentence } from "@/parts/ErrorPanel";
import { Time } from "@/parts/small";
import { lasted } from "@/parts/text";
import type { Attempt } from "./attempts";

/** Newest first, each with what was answered. */
export function Attempts({ of }: { of: readonly Attempt[] }) {
  const { t } = useTranslation();
  if (of.length === 0) return <p className="text-muted text-sm">{t("alerts:notTried")}</p>;
  return (
    <section>
      <h3 className="mb-1 font-semibold text-sm">{t("alerts:attempts")}</h3>
      <ol className="grid gap-2">
        {[...of].reverse().map((each) => (
          <li key={`${each.attempt} ${each.at}`} className="rounded-md border px-3 py-2">
            <Answer of={each} />
          </li>
        ))}
      </ol>
    </section>
  );
}

export function Answer({ of }: { of: Attempt }) {
  const { t } = useTranslation();
  const Icon = of.ok ? CircleCheck : CircleX;
  return (
    <div className="grid gap-1 text-sm">
      <p className="flex flex-wrap items-center gap-x-2">
        <Icon className={`size-4 shrink-0 ${of.ok ? "text-good" : "text-bad"}`} aria-hidden />
        <span className="font-medium">{t(of.ok ? "alerts:arrived" : "alerts:notArrived")}</span>
        {of.code !== null && <span className="tabular-nums">{t("alerts:answered", { code: of.code })}</span>}
        <span className="text-muted text-xs">
          <Time at={of.at} />
          {of.seconds !== null && ` · ${lasted(of.seconds)}`}
        </span>
      </p>
      {of.error && <p className="text-bad [overflow-wrap:anywhere]">{sentence(of.error)}</p>}
      {of.hint && <p className="text-muted text-xs [overflow-wrap:anywhere]">{of.hint}</p>}
      {of.response && (
        <pre className="whitespace-pre-wrap rounded-sm bg-sunken px-2 py-1 font-mono text-xs [overflow-wrap:anywhere]">
          {of.response}
        </pre>
      )}
    </div>
  );
}

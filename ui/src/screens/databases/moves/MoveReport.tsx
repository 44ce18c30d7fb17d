import { CircleCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { LossOut, MovedTableOut, MoveReceiptOut } from "@/api";
import { Badge, type Tone } from "@/parts/small";
import { count } from "@/parts/text";

const TONES: Record<string, Tone> = { dropped: "bad", changed: "warn", renamed: "info" };

/** What will not be as it was, the worst first. */
export function Losses({ of }: { of: readonly LossOut[] }) {
  const { t } = useTranslation();
  if (of.length === 0)
    return (
      <p className="flex items-center gap-2">
        <CircleCheck className="size-4 text-good" aria-hidden />
        {t("moves:noLosses")}
      </p>
    );
  return (
    <section>
      <h3 className="mb-2 font-medium">{t("moves:lossesOf", { count: of.length })}</h3>
      <ul className="grid gap-1.5">
        {of.map(({ what, where, text }) => (
          <li key={`${what} ${where} ${text}`} className="flex items-start gap-2 text-sm">
            <Badge tone={TONES[what] ?? "plain"}>{t(`moves:whats.${what}`, { defaultValue: what })}</Badge>
            <span className="min-w-0 break-words">
              <code className="mr-1.5 break-all font-mono text-xs">{where}</code>
              {text}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Each table and what becomes of it; once moved, the digest that both sides agree on. */
export function MovedTables({ of }: { of: readonly MovedTableOut[] }) {
  const { t } = useTranslation();
  const proven = of.some(({ digest }) => digest);
  return (
    <section>
      <h3 className="mb-2 font-medium">{t("moves:tables", { count: of.length })}</h3>
      <div className="overflow-x-auto rounded-md border">
        <table className="w-full text-left text-xs">
          <thead className="text-muted">
            <tr className="border-b">
              <th className="px-2 py-1.5 font-medium">{t("moves:from")}</th>
              <th className="px-2 py-1.5 font-medium">{t("moves:becomes")}</th>
              <th className="px-2 py-1.5 text-right font-medium">{t("moves:rows")}</th>
              {proven && <th className="px-2 py-1.5 font-medium">{t("moves:digest")}</th>}
            </tr>
          </thead>
          <tbody>
            {of.map(({ name, becomes, rows, digest }) => (
              <tr key={name} className="border-b last:border-b-0">
                <td className="break-all px-2 py-1 font-mono">{name}</td>
                <td className="break-all px-2 py-1 font-mono">{becomes}</td>
                <td className="figures px-2 py-1 text-right">{rows === null ? "–" : count(rows)}</td>
                {proven && (
                  <td className="px-2 py-1 font-mono text-muted" title={digest ?? undefined}>
                    {digest ? digest.slice(0, 16) : "–"}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The proof, and what is left to do by hand. */
export function Receipt({ of }: { of: MoveReceiptOut }) {
  const { t } = useTranslation();
  return (
    <>
      <p className="flex items-start gap-2">
        <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-hidden />
        {t("moves:proven", { count: of.rows })}
      </p>
      <section className="rounded-md bg-sunken px-3 py-2 text-sm">
        <h3 className="font-medium">{t("moves:switch")}</h3>
        <p className="text-muted">{t("moves:switchLead")}</p>
      </section>
      <MovedTables of={of.tables} />
      {of.losses.length > 0 && <Losses of={of.losses} />}
    </>
  );
}

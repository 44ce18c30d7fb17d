import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useTranslation } from "react-i18next";
import { importBadRows, importRead } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { count } from "@/parts/text";
import { A } from "@/shell/address";
import { ApiError, data } from "@/shell/api";
import { badRowsOf } from "./plan";

const SHOWN = 200;

/** An import of before: what it did, or why it did nothing. */
export function ImportReport({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: found, error } = useQuery({
    queryKey: ["imports", id],
    queryFn: () => data(importRead({ path: { import_id: id } })),
  });
  const failed = found && (found.state === "failed" || found.state === "cancelled");
  const told = found?.error as { code?: string; message?: string; hint?: string } | null | undefined;
  return (
    <Dialog
      open
      as="sheet"
      wide
      title={t("transfers:report")}
      lead={found ? String(found.result?.table ?? found.wish.table ?? t("transfers:script")) : undefined}
      onOpenChange={(open) => !open && onClose()}
      foot={<Button onClick={onClose}>{t("shell:close")}</Button>}
    >
      {error && <ErrorPanel error={error} />}
      {!found && !error && <Skeleton className="h-24" />}
      {found && (
        <div className="grid gap-3">
          {found.state === "running" && <p>{t("transfers:atWork")}</p>}
          {failed && (
            <>
              {told && (
                <ErrorText
                  error={new ApiError(0, { code: told.code ?? "", message: told.message ?? "", hint: told.hint })}
                />
              )}
              <p className="font-medium">{t("transfers:nothingWritten")}</p>
              {told?.code === "bad_rows" && <BadRows id={id} />}
            </>
          )}
          {found.state === "done" && <Imported id={id} result={found.result ?? {}} />}
          {found.run_id && (
            <A to={`/runs/${found.run_id}`} className="text-accent-text text-sm hover:underline">
              {t("activity:run")}
            </A>
          )}
        </div>
      )}
    </Dialog>
  );
}

/** What an import did, in numbers; the rows it left out below. */
export function Imported({ id, result }: { id: string; result: Readonly<Record<string, unknown>> }) {
  const { t } = useTranslation();
  const number = (name: string) => (typeof result[name] === "number" ? result[name] : 0);
  const facts = (["rows", "updated", "skipped", "bad"] as const).filter((name) => name === "rows" || number(name) > 0);
  const notes = Array.isArray(result.notes) ? result.notes.map(String) : [];
  const left = Array.isArray(result.left_out) ? result.left_out.map(String) : [];
  return (
    <div className="grid gap-3">
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        {facts.map((name) => (
          <div key={name}>
            <dt className="text-muted text-xs">{t(`transfers:done.${name}`)}</dt>
            <dd className={`figures font-semibold text-xl ${name === "bad" ? "text-warn" : ""}`}>
              {count(number(name))}
            </dd>
          </div>
        ))}
      </dl>
      {result.created === true && <p className="text-muted text-sm">{t("transfers:madeTable")}</p>}
      {left.length > 0 && <p className="text-muted text-sm">{t("transfers:leftOutList", { list: left.join(", ") })}</p>}
      {notes.map((note) => (
        <p key={note} className="text-muted text-sm">
          {note}
        </p>
      ))}
      {number("bad") > 0 && <BadRows id={id} />}
    </div>
  );
}

/** The rows that were refused, by line and reason; the whole list as a file. */
export function BadRows({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: text, error } = useQuery({
    queryKey: ["imports", id, "bad"],
    queryFn: () => data(importBadRows({ path: { import_id: id }, parseAs: "text" })),
  });
  if (error) return <ErrorPanel error={error} />;
  if (text === undefined) return <Skeleton className="h-24" />;
  return (
    <div className="grid gap-2">
      <div className="flex items-center justify-between gap-2">
        <h3 className="font-medium text-sm">{t("transfers:badRows")}</h3>
        <Button asChild size="small">
          <a href={`/api/v1/imports/${id}/bad-rows`} download>
            <Download aria-hidden />
            {t("transfers:downloadBad")}
          </a>
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="max-h-80 overflow-auto rounded-md border" tabIndex={0} aria-label={t("transfers:badRows")}>
        <table className="w-full text-left text-xs">
          <thead className="text-muted">
            <tr className="border-b">
              {(["line", "column", "value", "reason"] as const).map((each) => (
                <th key={each} className="px-2 py-1.5 font-medium">
                  {t(`transfers:heads.${each}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {badRowsOf(String(text), SHOWN).map((row) => (
              <tr key={`${row.line} ${row.column}`} className="border-b align-top last:border-b-0">
                <td className="figures px-2 py-1">{row.line}</td>
                <td className="px-2 py-1 font-mono">{row.column ?? "–"}</td>
                <td className="max-w-48 break-words px-2 py-1 font-mono">{row.value ?? row.row ?? "–"}</td>
                <td className="px-2 py-1">{row.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

import { ChartColumn, Copy, Download, SquareTerminal, Table2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Spinner } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { sentence } from "@/parts/ErrorPanel";
import { Item, Menu } from "@/parts/Menu";
import { count, lasted } from "@/parts/text";
import { toast } from "@/shell/toasts";
import { copied, FORMATS, type Format } from "./copy";
import { planOf } from "./explain";
import { PlanTree } from "./PlanTree";
import { ResultChart } from "./ResultChart";
import { ResultGrid } from "./ResultGrid";
import type { Result } from "./stream";

interface Props {
  results: readonly Result[];
  isPlan: boolean;
  isRunning: boolean;
  /** The database's state when it cannot be asked. */
  notReady: string | null;
  /** Runs it again with write access. */
  onWrite?: () => void;
}

/** What the statements answered: one tab each when there were several. */
export function Results({ results, isPlan, isRunning, notReady, onWrite }: Props) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<number | null>(null);
  const [drawn, setDrawn] = useState(false);
  const place = Math.min(chosen ?? results.length - 1, results.length - 1);
  const result = results[place];
  if (!result)
    return (
      <div className="grid h-full place-items-center p-4 text-center text-muted">
        {isRunning ? (
          <Spinner />
        ) : (
          <div className="grid justify-items-center gap-2">
            <SquareTerminal className="size-5 text-faint" aria-hidden />
            <p>
              {notReady
                ? t("sql:notReady", { state: t(`databases:states.${notReady}`, { defaultValue: notReady }) })
                : t("sql:noResult")}
            </p>
          </div>
        )}
      </div>
    );
  return (
    <div className="flex h-full min-h-0 flex-col">
      {results.length > 1 && (
        <div className="flex shrink-0 overflow-x-auto border-b">
          {results.map((each, at) => (
            <button
              // biome-ignore lint/suspicious/noArrayIndexKey: answers are in the statements' order
              key={at}
              type="button"
              aria-pressed={at === place}
              onClick={() => setChosen(at)}
              title={each.statement.slice(0, 500)}
              className={cx(
                "inset-ring-focus h-7 shrink-0 border-r px-3 text-xs",
                each.error && "text-bad",
                at === place ? "bg-hover font-medium" : "text-muted hover:text-text",
              )}
            >
              {t("sql:resultNth", { nth: at + 1 })}
            </button>
          ))}
        </div>
      )}
      <div className="min-h-0 flex-1">
        {drawn && !isPlan && result.isOver && result.columns.length > 0 && !result.error ? (
          <ResultChart key={place} result={result} />
        ) : (
          <Answer result={result} isPlan={isPlan} onWrite={onWrite} />
        )}
      </div>
      <Foot result={result} isPlan={isPlan} drawn={drawn} onDrawn={setDrawn} />
    </div>
  );
}

function Answer({ result, isPlan, onWrite }: { result: Result; isPlan: boolean; onWrite?: () => void }) {
  const { t } = useTranslation();
  const { error } = result;
  if (error && error.code !== "cancelled")
    return (
      <div role="alert" className="h-full overflow-auto p-4">
        <p className="break-words font-mono text-bad text-sm">{sentence(error.message)}</p>
        {typeof error.details.detail === "string" && <p className="mt-1 text-sm">{error.details.detail}</p>}
        {error.hint && <p className="mt-1 text-muted text-sm">{sentence(error.hint)}</p>}
        <code className="mt-1 block text-faint text-xs">{error.code}</code>
        {error.code === "read_only" && onWrite && (
          <Button size="small" className="mt-3" onClick={onWrite}>
            {t("sql:runWrite")}
          </Button>
        )}
      </div>
    );
  if (isPlan && result.isOver && !error) return <PlanTree steps={planOf(result)} />;
  if (result.columns.length > 0)
    return <ResultGrid label={t("sql:result")} columns={result.columns} rows={result.rows} count={result.count} />;
  return (
    <p role="status" className="p-4 text-muted">
      {error ? t("sql:cancelled") : result.isOver ? t("sql:done") : t("sql:running")}
    </p>
  );
}

interface FootProps {
  result: Result;
  isPlan: boolean;
  drawn: boolean;
  onDrawn: (drawn: boolean) => void;
}

function Foot({ result, isPlan, drawn, onDrawn }: FootProps) {
  const { t } = useTranslation();
  const { error, affected, truncated } = result;
  const rows = result.columns.length > 0 ? t("sql:rows", { count: result.count, rows: count(result.count) }) : null;
  const said = [
    !isPlan && rows,
    affected !== null && result.columns.length === 0 && t("sql:affected", { count: affected, rows: count(affected) }),
    lasted(result.ms / 1000),
    truncated && t(`sql:truncated.${truncated}`, { defaultValue: truncated }),
    error?.code === "cancelled" && t("sql:cancelled"),
    !result.isOver && t("sql:running"),
  ].filter(Boolean);
  const text = (format: Format) =>
    copied(format, { columns: result.columns, rows: result.rows.slice(0, result.count) });
  const copy = (format: Format) =>
    void navigator.clipboard
      .writeText(text(format))
      .then(() => toast.good(t("sql:copied", { count: result.count, rows: count(result.count) })));
  return (
    <div className="flex h-9 shrink-0 items-center gap-2 border-t bg-sunken px-4 sm:px-6">
      <p role="status" className="min-w-0 flex-1 truncate text-muted text-xs">
        {said.join(" · ")}
      </p>
      {result.columns.length > 0 && result.isOver && (
        <>
          {!isPlan && (
            <Button
              look="quiet"
              size="small"
              aria-pressed={drawn}
              icon={drawn ? <Table2 /> : <ChartColumn />}
              onClick={() => onDrawn(!drawn)}
            >
              {t(drawn ? "sql:asRows" : "sql:chart")}
            </Button>
          )}
          <Menu
            align="end"
            trigger={
              <Button look="quiet" size="small" icon={<Copy />}>
                {t("sql:copy")}
              </Button>
            }
          >
            {FORMATS.map((format) => (
              <Item key={format} onSelect={() => copy(format)}>
                {t(`sql:formats.${format}`)}
              </Item>
            ))}
          </Menu>
          <Menu
            align="end"
            trigger={<Button look="quiet" size="small" aria-label={t("sql:download")} icon={<Download />} />}
          >
            {FORMATS.map((format) => (
              <Item key={format} onSelect={() => download(text(format), format)}>
                {t(`sql:formats.${format}`)}
              </Item>
            ))}
          </Menu>
        </>
      )}
    </div>
  );
}

const ENDINGS: Record<Format, [string, string]> = {
  csv: ["csv", "text/csv"],
  json: ["json", "application/json"],
  sql: ["sql", "application/sql"],
  markdown: ["md", "text/markdown"],
};

function download(text: string, format: Format): void {
  const [ending, type] = ENDINGS[format];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `result.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

import { History, SquareTerminal } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button, Spinner } from "@/parts/Button";
import { sentence } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { CopyButton, Empty } from "@/parts/small";
import { count, lasted } from "@/parts/text";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { useStore } from "@/shell/store";
import { templatesOf } from "../sql/explain";
import { HistorySheet } from "../sql/HistorySheet";
import { Kept } from "../sql/kept";
import { type Result, run } from "../sql/stream";
import { textOf } from "../sql/values";
import type { TabProps } from "../tabs";

const MOST_ANSWERS = 100;
const MOST_LINES = 500;
const MOST_ROWS = 10_000;

/** One command a line, answered below the ones before. Read only until it is said otherwise. */
export default function ConsoleTab({ database, engine }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const kept = useMemo(() => new Kept(database.id, ""), [database.id]);
  const history = useStore(kept.history);
  const [answers, setAnswers] = useState<readonly Result[]>([]);
  const [typed, setTyped] = useState("");
  const [back, setBack] = useState(-1);
  const [write, setWrite] = useState(false);
  const [looking, setLooking] = useState(false);
  const [running, setRunning] = useState(false);
  const stopper = useRef<AbortController | null>(null);
  const end = useRef<HTMLDivElement>(null);
  const line = useRef<HTMLInputElement>(null);
  const writable = can("database.query.write");
  const ready = database.state === "ready";
  useEffect(() => () => stopper.current?.abort(), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new answer is brought into sight
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
  }, [answers]);

  async function go(text: string, withWrite = write) {
    const statement = text.trim();
    if (statement === "" || stopper.current || !ready) return;
    const stop = new AbortController();
    stopper.current = stop;
    setRunning(true);
    setTyped("");
    setBack(-1);
    const result = await run(
      database.id,
      { statement, write: withWrite && writable, rows: MOST_ROWS, signal: stop.signal },
      () => {},
    );
    stopper.current = null;
    setRunning(false);
    setAnswers((before) => [...before, result].slice(-MOST_ANSWERS));
    kept.ran({
      at: new Date().toISOString(),
      statement,
      ok: result.error === null,
      rows: result.affected ?? result.count,
      ms: result.ms,
    });
    if (withWrite) void queries.invalidateQueries({ queryKey: ["keyspace", database.id] });
  }
  function onKeyDown(event: KeyboardEvent) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Escape" || (event.key === "c" && event.ctrlKey && running)) stopper.current?.abort();
    if (by === undefined) return;
    event.preventDefault();
    const at = Math.max(-1, Math.min(history.length - 1, back + by));
    setBack(at);
    setTyped(history[at]?.statement ?? "");
  }
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div
        role="log"
        aria-label={t("keys:answers")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
        tabIndex={0}
        className="inset-ring-focus min-h-0 flex-1 overflow-auto"
      >
        {answers.length === 0 ? (
          <Empty
            icon={<SquareTerminal />}
            title={t("keys:console")}
            lead={t("keys:consoleLead")}
            action={templatesOf(engine?.capabilities.templates).map(([title, each]) => (
              <Button key={title} disabled={!ready} className="font-mono text-xs!" onClick={() => void go(each)}>
                {each}
              </Button>
            ))}
          />
        ) : (
          <ol className="grid">
            {answers.map((each, at) => (
              <Answer
                // biome-ignore lint/suspicious/noArrayIndexKey: answers stay in their order
                key={at}
                result={each}
                onWrite={writable && !write ? () => void go(each.statement, true) : undefined}
              />
            ))}
          </ol>
        )}
        <div ref={end} />
      </div>
      <form
        className="flex shrink-0 flex-wrap items-center gap-1.5 border-t bg-sunken px-3 py-2"
        onSubmit={(event) => {
          event.preventDefault();
          void go(typed);
        }}
      >
        <Input
          ref={line}
          autoFocus
          aria-label={t("keys:command")}
          placeholder={ready ? t("keys:commandHint") : t("sql:notReady", { state: database.state })}
          disabled={!ready}
          value={typed}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          className="min-w-0 flex-1 basis-52 font-mono"
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {running ? (
          <Button icon={<Spinner />} onClick={() => stopper.current?.abort()}>
            {t("sql:cancel")}
          </Button>
        ) : (
          <Button look="primary" type="submit" disabled={!ready || typed.trim() === ""}>
            {t("sql:run")}
          </Button>
        )}
        {writable && (
          <Select
            aria-label={t("sql:access")}
            value={write ? "rw" : "ro"}
            onChange={(event) => setWrite(event.target.value === "rw")}
            className={`w-auto! ${write ? "border-warn text-warn" : ""}`}
          >
            <option value="ro">{t("sql:readOnly")}</option>
            <option value="rw">{t("sql:readWrite")}</option>
          </Select>
        )}
        <Button size="icon" aria-label={t("sql:history")} icon={<History />} onClick={() => setLooking(true)} />
      </form>
      {looking && (
        <HistorySheet
          kept={kept}
          onPick={(text) => {
            setTyped(text);
            setLooking(false);
            line.current?.focus();
          }}
          onClose={() => setLooking(false)}
        />
      )}
    </div>
  );
}

function Answer({ result, onWrite }: { result: Result; onWrite?: () => void }) {
  const { t } = useTranslation();
  const { statement, error, columns, rows, ms, truncated } = result;
  const one = rows.length === 1 && columns.length === 1;
  const lines = rows.slice(0, MOST_LINES).map((row, at) => {
    const cells = row.map((cell) => (cell === null ? "(nil)" : textOf(cell)));
    return one ? (cells[0] ?? "") : `${at + 1}) ${cells.join("  ")}`;
  });
  const text = rows.length === 0 ? "(empty)" : lines.join("\n");
  return (
    <li className="border-b px-4 py-2.5">
      <div className="flex items-center gap-2">
        <code className="min-w-0 flex-1 break-all font-medium text-xs">
          <span aria-hidden className="text-faint">
            {"> "}
          </span>
          {statement}
        </code>
        <span className="text-faint text-xs">{lasted(ms / 1000)}</span>
        {!error && <CopyButton text={text} label={t("sql:copyValue")} />}
      </div>
      {error ? (
        <div role="alert" className="mt-1 text-xs">
          <p className="break-words font-mono text-bad">{sentence(error.message)}</p>
          {error.hint && <p className="text-muted">{sentence(error.hint)}</p>}
          {error.code === "read_only" && onWrite && (
            <Button size="small" className="mt-1.5" onClick={onWrite}>
              {t("sql:runWrite")}
            </Button>
          )}
        </div>
      ) : (
        <pre className="mt-1 whitespace-pre-wrap break-words font-mono text-muted text-xs">{text}</pre>
      )}
      {rows.length > MOST_LINES && (
        <p className="text-faint text-xs">{t("keys:moreLines", { rows: count(rows.length - MOST_LINES) })}</p>
      )}
      {truncated && <p className="text-warn text-xs">{t(`sql:truncated.${truncated}`, { defaultValue: truncated })}</p>}
    </li>
  );
}

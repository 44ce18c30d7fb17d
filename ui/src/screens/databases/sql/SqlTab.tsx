import { useQuery } from "@tanstack/react-query";
import { BookMarked, CircleStop, GitFork, History, Play, Save, Timer, WandSparkles } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseCatalog, type EngineOut, type SavedQueryOut, savedQueryGet } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Select } from "@/parts/Field";
import { Item, Line, Menu, Title } from "@/parts/Menu";
import { Skeleton, Tip } from "@/parts/small";
import { count } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { useStore } from "@/shell/store";
import { toast } from "@/shell/toasts";
import { useShortcut } from "@/shell/useShortcut";
import type { CatalogTable, Known } from "./complete";
import type { EditorHandle } from "./Editor";
import { analyzePrefix, explainPrefix, mayWrite, templatesOf } from "./explain";
import { HistorySheet } from "./HistorySheet";
import { Kept } from "./kept";
import { placeOf } from "./marks";
import { ParameterDialog } from "./ParameterDialog";
import { Results } from "./Results";
import { SaveDialog } from "./SaveDialog";
import { SavedSheet } from "./SavedSheet";
import { Split } from "./Split";
import { Strip } from "./Strip";
import { type Result, run } from "./stream";
import { parameters, type Statement, statementAt, statements } from "./tokens";

const Editor = lazy(() => import("./Editor"));
const LIMITS = [1000, 10_000, 100_000];
/** Errors that are about the words of the statement. */
const SAID_OF = new Set(["statement_invalid", "params_invalid", "many_statements", "read_only", "permission_denied"]);
const NOTHING: Known = { tables: [], schemas: [] };

interface Asked {
  draft: string;
  statements: readonly Statement[];
  /** What is put before each statement to have its plan; null: the statement itself is run. */
  explain: string | null;
  write: boolean;
}

/** One catalogue for completion, read again after what may have changed it. */
function useKnown(database: DatabaseOut): Known {
  const { data: known } = useQuery({
    queryKey: ["databases", database.id, "catalog"],
    enabled: database.state === "ready",
    queryFn: async (): Promise<Known> => {
      const found = await data(databaseCatalog({ path: { database_id: database.id } }));
      const tables = (found.relations ?? []) as CatalogTable[];
      return { tables, schemas: (found.schemas ?? []) as string[] };
    },
  });
  return known ?? NOTHING;
}

/** A saved query that the address asks to be run, once. */
function useAsked(database: DatabaseOut, run: (saved: SavedQueryOut) => void): void {
  const [{ run: asked }, set] = useAddress();
  const now = useRef({ run, set });
  now.current = { run, set };
  const ready = database.state === "ready";
  useEffect(() => {
    if (!asked || !ready) return;
    now.current.set({ run: undefined });
    data(savedQueryGet({ path: { saved_query_id: asked } })).then(
      (saved) => saved.resource_id === database.id && now.current.run(saved),
      (thrown) => toast.bad(asError(thrown).message, asError(thrown).hint ?? undefined),
    );
  }, [asked, ready, database.id]);
}

export default function SqlTab({ database, engine }: { database: DatabaseOut; engine: EngineOut | undefined }) {
  const { t } = useTranslation();
  const can = useCan();
  const word = t("sql:query");
  const kept = useMemo(() => new Kept(database.id, word), [database.id, word]);
  const { open: drafts, at } = useStore(kept.drafts);
  const draft = drafts.find(({ id }) => id === at) ?? drafts[0];
  const known = useKnown(database);
  const editor = useRef<EditorHandle>(null);
  const stopper = useRef<AbortController | null>(null);
  const [results, setResults] = useState<Record<string, readonly Result[]>>({});
  const [plans, setPlans] = useState<ReadonlySet<string>>(new Set());
  const [running, setRunning] = useState(false);
  const [limit, setLimit] = useState(1000);
  const [write, setWrite] = useState(false);
  const [sheet, setSheet] = useState<"history" | "saved" | "save" | null>(null);
  const [waiting, setWaiting] = useState<Asked | null>(null);
  const [measuring, setMeasuring] = useState(false);
  const writable = can("database.query.write");
  const prefix = explainPrefix(engine?.capabilities.templates);
  const measured = analyzePrefix(engine?.capabilities.templates);
  const ready = database.state === "ready";

  useEffect(() => {
    window.addEventListener("pagehide", kept.flush);
    return () => {
      window.removeEventListener("pagehide", kept.flush);
      kept.flush();
      stopper.current?.abort();
    };
  }, [kept]);

  const go = useCallback(
    async (asked: Asked, params: Record<string, string | number | null>) => {
      if (stopper.current) return;
      const stop = new AbortController();
      stopper.current = stop;
      setRunning(true);
      editor.current?.mark(null);
      setPlans((before) => {
        const next = new Set(before);
        if (asked.explain) next.add(asked.draft);
        else next.delete(asked.draft);
        return next;
      });
      const done: Result[] = [];
      for (const each of asked.statements) {
        const before = [...done]; // as they are now: React asks for the next state later
        const own = parameters(each.text);
        const lead = asked.explain ?? "";
        const ended = await run(
          database.id,
          {
            statement: lead + each.text,
            write: asked.write,
            rows: asked.explain ? 10_000 : limit,
            ...(own.length > 0 && { params: Object.fromEntries(own.map((name) => [name, params[name] ?? null])) }),
            signal: stop.signal,
          },
          (now) => setResults((others) => ({ ...others, [asked.draft]: [...before, now] })),
        );
        done.push(ended);
        if (!asked.explain)
          kept.ran({
            at: new Date().toISOString(),
            statement: each.text,
            ok: ended.error === null,
            rows: ended.affected ?? ended.count,
            ms: ended.ms,
          });
        if (ended.error) {
          if (SAID_OF.has(ended.error.code)) markAt(editor.current, each, lead.length, ended.error);
          break;
        }
      }
      stopper.current = null;
      setRunning(false);
      if (asked.write) void queries.invalidateQueries({ queryKey: ["databases", database.id] });
    },
    [database.id, kept, limit],
  );

  const ask = (wanted: readonly Statement[], explain: string | null = null, withWrite = write && explain === null) => {
    if (!draft || wanted.length === 0 || running || !ready) return;
    const asked = { draft: draft.id, statements: wanted, explain, write: withWrite && writable };
    if (wanted.some(({ text }) => parameters(text).length > 0)) setWaiting(asked);
    else void go(asked, {});
  };
  const chosen = (): readonly Statement[] => {
    const text = editor.current?.text() ?? draft?.text ?? "";
    const selected = editor.current?.selection();
    if (selected)
      return statements(text.slice(selected.from, selected.to)).map(({ text: one, from, to }) => ({
        text: one,
        from: from + selected.from,
        to: to + selected.from,
      }));
    const one = statementAt(text, editor.current?.caret() ?? 0);
    return one ? [one] : [];
  };
  const all = () => statements(editor.current?.text() ?? draft?.text ?? "");
  const format = async () => {
    const { formatted } = await import("./format");
    try {
      editor.current?.replace(formatted(editor.current.text(), engine?.capabilities.dialect));
    } catch {
      toast.bad(t("sql:cannotFormat"));
    }
  };
  /** A plan with times runs the statement: what may change something is asked about first. */
  const measure = (sure = false) => {
    const some = chosen().slice(0, 1);
    const writes = some.some(({ text }) => mayWrite(text));
    if (writes && !sure) setMeasuring(true);
    else ask(some, measured, writes);
  };
  useAsked(database, (saved) => {
    kept.open({ title: saved.name, text: saved.statement, saved: { id: saved.id, version: saved.version } });
    if (saved.write) {
      setWrite(writable); // it changes something: whoever wants that presses Run
      return;
    }
    const asked = { draft: kept.here.id, statements: statements(saved.statement), explain: null, write: false };
    if (parameters(saved.statement).length > 0) setWaiting(asked);
    else void go(asked, {});
  });
  const stop = () => stopper.current?.abort();
  useShortcut("sql.run", () => ask(chosen()));
  useShortcut("sql.all", () => ask(all()));
  useShortcut("sql.explain", () => ask(chosen().slice(0, 1), prefix), prefix !== null);
  useShortcut("sql.analyze", () => measure(), measured !== null);
  useShortcut("sql.cancel", stop, running);
  useShortcut("sql.save", () => setSheet("save"));
  useShortcut("sql.format", () => void format());

  if (!draft) return null;
  const load = (saved: SavedQueryOut) => {
    kept.open({ title: saved.name, text: saved.statement, saved: { id: saved.id, version: saved.version } });
    setSheet(null);
  };
  const restored = (saved: SavedQueryOut) => {
    // What a tab held of it is of before: it is opened anew.
    for (const each of kept.drafts.get().open) if (each.saved?.id === saved.id) kept.close(each.id);
    load(saved);
  };
  const shown = results[draft.id] ?? [];
  return (
    <div className="flex h-full min-h-0 flex-col">
      <Strip kept={kept} drafts={drafts} at={draft.id} />
      <div className="flex flex-wrap items-center gap-1.5 border-b px-4 py-1.5 sm:px-6">
        {running ? (
          <Tip text={t("sql:cancel")} id="sql.cancel">
            <Button icon={<CircleStop />} onClick={stop}>
              {t("sql:cancel")}
            </Button>
          </Tip>
        ) : (
          <Tip text={t("sql:runHint")} id="sql.run">
            <Button look="primary" icon={<Play />} disabled={!ready} onClick={() => ask(chosen())}>
              {t("sql:run")}
            </Button>
          </Tip>
        )}
        <Tip text={t("sql:runAll")} id="sql.all">
          <Button look="quiet" disabled={!ready || running} onClick={() => ask(all())}>
            {t("sql:runAll")}
          </Button>
        </Tip>
        {prefix && (
          <Tip text={t("sql:explain")} id="sql.explain">
            <Button
              look="quiet"
              icon={<GitFork />}
              disabled={!ready || running}
              onClick={() => ask(chosen().slice(0, 1), prefix)}
            >
              {t("sql:explain")}
            </Button>
          </Tip>
        )}
        {measured && (
          <Tip text={t("sql:analyzeHint")} id="sql.analyze">
            <Button look="quiet" icon={<Timer />} disabled={!ready || running} onClick={() => measure()}>
              {t("sql:analyze")}
            </Button>
          </Tip>
        )}
        <Tip text={t("sql:format")} id="sql.format">
          <Button
            look="quiet"
            size="icon"
            aria-label={t("sql:format")}
            icon={<WandSparkles />}
            onClick={() => void format()}
          />
        </Tip>
        <span className="flex-1" />
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
        <Select
          aria-label={t("sql:limit")}
          value={limit}
          onChange={(event) => setLimit(Number(event.target.value))}
          className="w-auto!"
        >
          {LIMITS.map((each) => (
            <option key={each} value={each}>
              {t("sql:rowsMost", { rows: count(each) })}
            </option>
          ))}
        </Select>
        <Menu align="end" trigger={<Button size="icon" aria-label={t("sql:queries")} icon={<BookMarked />} />}>
          <Item icon={<Save />} onSelect={() => setSheet("save")}>
            {draft.saved ? t("sql:saveChanges") : t("sql:save")}
          </Item>
          <Item icon={<BookMarked />} onSelect={() => setSheet("saved")}>
            {t("sql:savedQueries")}
          </Item>
          <Item icon={<History />} onSelect={() => setSheet("history")}>
            {t("sql:history")}
          </Item>
          <Line />
          <Title>{t("sql:templates")}</Title>
          {templatesOf(engine?.capabilities.templates).map(([title, text]) => (
            <Item key={title} onSelect={() => kept.open({ title, text })}>
              {title}
            </Item>
          ))}
        </Menu>
      </div>
      <Split
        top={
          <Suspense fallback={<EditorWaiting />}>
            <Editor
              ref={editor}
              id={draft.id}
              text={draft.text}
              label={t("sql:editor")}
              known={known}
              onChange={(text) => kept.change(draft.id, { text })}
            />
          </Suspense>
        }
        bottom={
          <Results
            key={draft.id}
            results={shown}
            isPlan={plans.has(draft.id)}
            isRunning={running}
            notReady={ready ? null : database.state}
            onWrite={
              writable && !write
                ? () => {
                    setWrite(true);
                    ask(chosen(), null, true);
                  }
                : undefined
            }
          />
        }
      />
      {sheet === "history" && (
        <HistorySheet
          kept={kept}
          onPick={(text) => {
            kept.open({ text });
            setSheet(null);
          }}
          onClose={() => setSheet(null)}
        />
      )}
      {sheet === "saved" && (
        <SavedSheet database={database.id} onPick={load} onRestored={restored} onClose={() => setSheet(null)} />
      )}
      {sheet === "save" && (
        <SaveDialog
          database={database.id}
          draft={draft}
          write={write}
          onSaved={(saved) => {
            kept.change(draft.id, { title: saved.name, saved: { id: saved.id, version: saved.version } });
          }}
          onClose={() => setSheet(null)}
        />
      )}
      <Confirm
        open={measuring}
        onOpenChange={setMeasuring}
        danger
        title={t("sql:analyzeTitle")}
        lead={t(writable ? "sql:analyzeLead" : "sql:analyzeDenied")}
        verb={t("sql:analyzeVerb")}
        act={async () => measure(true)}
      />
      {waiting && (
        <ParameterDialog
          names={[...new Set(waiting.statements.flatMap(({ text }) => parameters(text)))]}
          onClose={() => setWaiting(null)}
          onRun={(values) => {
            setWaiting(null);
            void go(waiting, values);
          }}
        />
      )}
    </div>
  );
}

/** `lead` characters were put before the statement that the person wrote. */
function markAt(
  editor: EditorHandle | null,
  { text, from }: Statement,
  lead: number,
  error: { message: string; details: Record<string, unknown> },
): void {
  const position = Number(error.details.position);
  const details = Number.isFinite(position) ? { ...error.details, position: position - lead } : error.details;
  const [begin, end] = placeOf(text, { message: error.message, details });
  editor?.mark([from + begin, from + end], error.message);
}

function EditorWaiting() {
  return (
    <div aria-busy="true" className="grid content-start gap-2 p-4">
      <Skeleton className="h-3.5 w-64" />
      <Skeleton className="h-3.5 w-40" />
      <Skeleton className="h-3.5 w-52" />
    </div>
  );
}

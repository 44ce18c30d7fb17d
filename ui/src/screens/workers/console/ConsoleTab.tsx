import { useMutation } from "@tanstack/react-query";
import { History, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type CaseOut, type TestAnswerOut, type WorkerOut, workerInvoke } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Item, Line, Menu, Title } from "@/parts/Menu";
import { asError, data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { recall, remember } from "@/shell/store";
import { useShortcut } from "@/shell/useShortcut";
import { Answer } from "./Answer";
import { Cases } from "./Cases";
import { type Marks, marksOf, unmarked } from "./marks";
import type { Operation } from "./operations";
import { RequestForm } from "./RequestForm";
import { asked, FIRST, keep, type Past, recalled, type Typed, withPast } from "./request";
import { routeOf } from "./route";
import { SaveCase } from "./SaveCase";
import { useOperations } from "./useOperations";

/** Requests to the worker by hand: no public address is needed, and no key of its callers. */
export default function ConsoleTab({ worker }: { worker: WorkerOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [history, setHistory] = useState(() => recalled(worker.id));
  const [request, setRequest] = useState<Typed>(() => history[0]?.request ?? FIRST);
  const [from, setFrom] = useState<CaseOut | null>(null);
  const [answer, setAnswer] = useState<TestAnswerOut | null>(null);
  const [marks, setMarks] = useState<Marks>({});
  const [saving, setSaving] = useState(false);
  const [isFilled, setIsFilled] = useState(() => recall("console.filled", true));
  const [route, setRoute] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const { operations, own } = useOperations(worker.id, can("worker.invoke"));

  function remembered(sent: Typed, status: number | null, ms: number | null) {
    setHistory((before) => {
      const next = withPast(before, { at: new Date().toISOString(), request: sent, status, ms });
      keep(worker.id, next);
      return next;
    });
  }
  const sending = useMutation({
    mutationFn: (sent: Typed) => data(workerInvoke({ path: { worker_id: worker.id }, body: asked(sent) })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (answered, sent) => {
      setAnswer(answered);
      setMarks(marksOf(answered));
      remembered(sent, answered.status, answered.milliseconds);
    },
    onError: (_, sent) => {
      setAnswer(null);
      setMarks({});
      remembered(sent, null, null);
    },
  });
  const send = () => {
    if (!sending.isPending) sending.mutate(request);
  };
  useShortcut("code.send", () => form.current?.requestSubmit());

  function change(next: Typed, name?: string, operation?: Operation) {
    setRequest(next);
    setMarks((before) => (name === undefined ? {} : unmarked(before, name)));
    if (operation) setRoute(operation.id);
  }
  function pick(one: CaseOut) {
    const { method = "GET", path = "/", headers = [], body = "", encoded = false } = one.request;
    change({ method, path, headers, body, ...(encoded && { encoded }) });
    setFrom(one);
  }
  return (
    <div className="h-full overflow-y-auto">
      <div className="grid lg:min-h-full lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="grid content-start gap-5 px-4 py-4 sm:px-6">
          <RequestForm
            form={form}
            request={request}
            busy={sending.isPending}
            operations={operations}
            own={own}
            operation={routeOf(operations, request, route)}
            isFilled={isFilled}
            onFilled={(filled) => {
              remember("console.filled", filled);
              setIsFilled(filled);
            }}
            marks={marks}
            onChange={change}
            onSend={send}
            onSave={can("worker.update") ? () => setSaving(true) : null}
          />
          {sending.error && <ErrorText error={asError(sending.error)} />}
          {answer ? (
            <Answer key={answer.request_id} worker={worker.id} answer={answer} />
          ) : (
            !sending.error && <p className="text-muted text-sm">{t("code:notSent")}</p>
          )}
        </div>
        <aside className="grid content-start gap-4 border-t px-4 py-3 lg:border-t-0 lg:border-l">
          <Cases worker={worker.id} onPick={pick} />
          <Earlier
            history={history}
            onPick={(past) => {
              change(past.request);
              setFrom(null);
            }}
            onForget={() => {
              keep(worker.id, []);
              setHistory([]);
            }}
          />
        </aside>
      </div>
      {saving && (
        <SaveCase
          worker={worker.id}
          request={request}
          name={from?.name ?? ""}
          contains={from?.expected.contains ?? ""}
          status={answer?.status ?? from?.expected.status ?? null}
          onClose={() => setSaving(false)}
        />
      )}
    </div>
  );
}

interface EarlierProps {
  history: readonly Past[];
  onPick: (past: Past) => void;
  onForget: () => void;
}

/** What was sent from this browser. */
function Earlier({ history, onPick, onForget }: EarlierProps) {
  const { t } = useTranslation();
  if (history.length === 0) return null;
  return (
    <Menu
      wide
      trigger={
        <Button className="w-fit" icon={<History />}>
          {t("code:history")}
        </Button>
      }
    >
      <Title>{t("code:historyLead")}</Title>
      {history.map((past) => (
        <Item
          key={past.at}
          aside={<span className="text-muted text-xs">{past.status ?? "–"}</span>}
          onSelect={() => onPick(past)}
        >
          <span className="font-mono text-xs">
            {past.request.method} {past.request.path}
          </span>
        </Item>
      ))}
      <Line />
      <Item icon={<Trash2 />} danger onSelect={onForget}>
        {t("code:forget")}
      </Item>
    </Menu>
  );
}

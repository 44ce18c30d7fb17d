import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type TestAnswerOut, workerInvocationGet, workerInvocationList } from "@/api";
import { cx } from "@/parts/classes";
import { Badge, CopyButton } from "@/parts/small";
import { bytes, lasted } from "@/parts/text";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { hexdump, pretty, toneOf, unpacked } from "./request";

const LOOK_MS = 400;
const MOST_LOOKS = 20;
const BEFORE_MS = 1000;

/** What a worker answered, and what it logged while it did. */
export function Answer({ worker, answer }: { worker: string; answer: TestAnswerOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const raw = answer.encoded ? unpacked(answer.body) : null;
  const shown = raw ? hexdump(raw) : (pretty(answer.body) ?? answer.body);
  const size = raw ? raw.length : new TextEncoder().encode(answer.body).length;
  return (
    <section aria-label={t("code:answer")} className="grid gap-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1" role="status">
        <Badge tone={toneOf(answer.status)}>{answer.status}</Badge>
        <span className="text-muted text-xs">{lasted(answer.milliseconds / 1000)}</span>
        <span className="text-muted text-xs">{bytes(size)}</span>
        {answer.truncated && <span className="text-warn text-xs">{t("code:truncated")}</span>}
        <span className="flex-1" />
        {!raw && answer.body !== "" && <CopyButton text={answer.body} label={t("code:copyBody")} />}
      </div>
      {answer.body === "" ? (
        <p className="text-muted text-sm">{t("code:noBody")}</p>
      ) : (
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard must reach it
          tabIndex={0}
          data-answer=""
          className="inset-ring-focus max-h-96 overflow-auto whitespace-pre-wrap break-words rounded-md bg-sunken p-3 font-mono text-xs"
        >
          {shown}
        </pre>
      )}
      <details>
        <summary className="w-fit font-medium text-muted text-xs hover:text-text">
          {t("code:answerHeaders", { count: answer.headers.length })}
        </summary>
        <dl className="mt-2 grid gap-1 font-mono text-xs">
          {answer.headers.map(([name, value], at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice, and the list never changes
            <div key={at} className="flex flex-wrap gap-x-2">
              <dt className="text-muted">{name}</dt>
              <dd className="min-w-0 break-all">{value}</dd>
            </div>
          ))}
        </dl>
      </details>
      {can("worker.logs.read") && <Logged worker={worker} answer={answer} />}
    </section>
  );
}

/** Its lines come a moment later: what a worker logs goes through a file. */
function Logged({ worker, answer }: { worker: string; answer: TestAnswerOut }) {
  const { t } = useTranslation();
  const { data: invocation } = useQuery({
    queryKey: ["workers", worker, "ray", answer.request_id],
    queryFn: async () => {
      const query = { ray: answer.request_id, since: answer.at - BEFORE_MS, limit: 1 };
      const [one] = (await data(workerInvocationList({ path: { worker_id: worker }, query }))).items;
      return one ? data(workerInvocationGet({ path: { worker_id: worker, id: one.id } })) : null;
    },
    refetchInterval: ({ state }) => (state.data || state.dataUpdateCount > MOST_LOOKS ? false : LOOK_MS),
  });
  const logs = invocation?.logs ?? [];
  return (
    <div>
      <h3 className="mb-1 font-medium text-xs">{t("code:logged")}</h3>
      {!invocation ? (
        <p className="text-muted text-xs">{t("code:logsCome")}</p>
      ) : (
        <>
          <p className="text-muted text-xs">
            {t("code:ran", { outcome: invocation.outcome, wall: lasted(invocation.wall_ms / 1000) })}
            {invocation.cpu_ms !== null && ` · ${t("code:cpu", { ms: lasted(invocation.cpu_ms / 1000) })}`}
          </p>
          {logs.length === 0 && !invocation.error && <p className="mt-1 text-muted text-xs">{t("code:noLogs")}</p>}
          {(logs.length > 0 || invocation.error) && (
            <ol className="mt-1 grid max-h-64 gap-0.5 overflow-auto rounded-md bg-sunken p-2 font-mono text-xs">
              {logs.map(({ seq, level, text }) => (
                <li key={seq} className="flex gap-2">
                  <span
                    className={cx(
                      "shrink-0",
                      level === "error" ? "text-bad" : level === "warn" ? "text-warn" : "text-muted",
                    )}
                  >
                    {level}
                  </span>
                  <span className="min-w-0 whitespace-pre-wrap break-words">{text}</span>
                </li>
              ))}
              {invocation.error && (
                <li className="whitespace-pre-wrap break-words text-bad">
                  {invocation.error.stack || `${invocation.error.type}: ${invocation.error.message}`}
                </li>
              )}
            </ol>
          )}
        </>
      )}
    </div>
  );
}

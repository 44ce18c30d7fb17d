import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type InvocationWholeOut, workerInvocationGet } from "@/api";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { CopyButton, Size, Skeleton } from "@/parts/small";
import { moment } from "@/parts/text";
import { data } from "@/shell/api";
import { short } from "../overview/series";
import type { TabProps } from "../tabs";
import { useVersionName } from "../useVersions";
import { LogText } from "./LogText";
import { Outcome, what } from "./words";

/** One call: what was asked, how it ended, its error with the stack, and the lines it said. */
export function InvocationSheet({ worker, id, onClose }: TabProps & { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "invocation", id],
    queryFn: () => data(workerInvocationGet({ path: { worker_id: worker.id, id } })),
  });
  return (
    <Dialog
      as="sheet"
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title={found ? what(found) : t("workers:call")}
    >
      {error && !found ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : found ? (
        <Body worker={worker} of={found} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

function Body({ worker, of }: TabProps & { of: InvocationWholeOut }) {
  const { t } = useTranslation();
  const named = useVersionName(worker.id);
  return (
    <div className="grid gap-5">
      <Facts
        narrow
        facts={[
          [t("workers:outcome"), <Outcome key="outcome" of={of} />],
          [t("workers:when"), moment(new Date(of.at).toISOString())],
          [t("workers:duration"), short(of.wall_ms)],
          ["CPU", of.cpu_ms === null ? "–" : short(of.cpu_ms)],
          [t("workers:memory"), <Size key="memory" of={of.memory_bytes} />],
          [t("workers:version"), named(of.version_id)],
          [t("workers:trigger"), t(`workers:callTriggers.${of.trigger}`, { defaultValue: of.trigger })],
          [
            t("workers:requestId"),
            of.ray ? (
              <span key="ray" className="inline-flex items-center gap-1 break-all font-mono text-xs">
                {of.ray}
                <CopyButton inline text={of.ray} label={t("shell:copy")} />
              </span>
            ) : (
              "–"
            ),
          ],
        ]}
      />
      {of.error && <Failure error={of.error} />}
      <section>
        <h3 className="mb-1 font-semibold text-sm">{t("workers:lines")}</h3>
        {of.logs.length === 0 ? (
          <p className="text-muted text-xs">{t("workers:saidNothing")}</p>
        ) : (
          <div className="overflow-x-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs">
            {of.logs.map((line) => (
              <LogText key={line.seq} line={line} wraps />
            ))}
          </div>
        )}
      </section>
    </div>
  );
}

function Failure({ error }: { error: Record<string, string> }) {
  const { t } = useTranslation();
  const said = [error.type, error.message].filter(Boolean).join(": ");
  return (
    <section>
      <div className="mb-1 flex items-center justify-between gap-2">
        <h3 className="font-semibold text-sm">{t("workers:error")}</h3>
        <CopyButton text={error.stack || said} label={t("shell:copy")} />
      </div>
      <p className="rounded-md bg-bad-soft px-3 py-2 text-bad text-sm [overflow-wrap:anywhere]">{said}</p>
      {error.stack && (
        <pre
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
          tabIndex={0}
          className="mt-2 max-h-80 overflow-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs"
        >
          {error.stack}
        </pre>
      )}
    </section>
  );
}

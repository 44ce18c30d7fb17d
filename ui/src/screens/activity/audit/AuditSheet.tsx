import { useQuery } from "@tanstack/react-query";
import { Filter } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type AuditEventOut, auditRead } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { CopyButton, Skeleton } from "@/parts/small";
import { moment } from "@/parts/text";
import { A, useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { about, Outcome } from "./AuditTable";
import { type Change, changesOf, restOf } from "./diff";
import { linkOf } from "./links";

/** One row of the log, whole; `id` is its id or its place. */
export function AuditSheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const {
    data: row,
    error,
    refetch,
  } = useQuery({
    queryKey: ["activity", "row", id],
    queryFn: () => data(auditRead({ path: { event_id: id } })),
  });
  return (
    <Dialog as="sheet" wide open onOpenChange={onClose} title={row ? row.action : t("audit:row")}>
      {error && !row ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : row ? (
        <Row row={row} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

const LINES = "grid grid-cols-[4.5rem_minmax(0,1fr)] gap-x-3 gap-y-0.5 sm:grid-cols-[7rem_minmax(0,1fr)] sm:gap-x-4";

function Row({ row }: { row: AuditEventOut }) {
  const { t } = useTranslation();
  const changes = changesOf(row.details);
  const rest = restOf(row.details);
  return (
    <div className="grid gap-5">
      <dl className={LINES}>
        <Line name={t("activity:when")}>{moment(row.at)}</Line>
        <Line name={t("activity:by")} filter={{ actor: row.actor }} more={t("audit:byThem")}>
          {row.actor_name ?? row.actor}
        </Line>
        <Line name={t("activity:outcome")}>
          <Outcome outcome={row.outcome} />
        </Line>
        {about(row) && (
          <Line
            name={t("activity:about")}
            {...(row.resource_id && { filter: { resource: row.resource_id }, more: t("audit:aboutIt") })}
          >
            {about(row)}
          </Line>
        )}
        {row.address && <Line name={t("audit:address")}>{row.address}</Line>}
        {row.request_id && (
          <Line
            name={t("audit:request")}
            copy={row.request_id}
            filter={{ q: row.request_id }}
            more={t("audit:sameAsk")}
          >
            <code className="text-xs">{row.request_id}</code>
          </Line>
        )}
        <Line name={t("activity:place")} copy={row.id}>
          {row.seq} <code className="text-muted text-xs">{row.id}</code>
        </Line>
      </dl>
      {row.erased_at && <p className="rounded-md bg-hover px-3 py-2 text-sm">{t("audit:erased")}</p>}
      {changes.length > 0 && <Changes changes={changes} />}
      {rest.length > 0 && (
        <section>
          <h3 className="mb-2 font-semibold text-sm">{t("audit:details")}</h3>
          <dl className={LINES}>
            {rest.map(([name, text]) => {
              const to = linkOf(text);
              return (
                <Line key={name} name={name}>
                  {to ? (
                    <A to={to} className="text-accent-text hover:underline">
                      {text}
                    </A>
                  ) : (
                    <span className="whitespace-pre-wrap">{text}</span>
                  )}
                </Line>
              );
            })}
          </dl>
        </section>
      )}
    </div>
  );
}

interface LineProps {
  name: string;
  children: ReactNode;
  copy?: string;
  /** What the list is narrowed to by the button beside it, which says `more`. */
  filter?: Record<string, string>;
  more?: string;
}

function Line({ name, children, copy, filter, more }: LineProps) {
  const { t } = useTranslation();
  const [, set] = useAddress();
  return (
    <>
      <dt className="break-words text-muted text-xs leading-7">{name}</dt>
      <dd className="flex min-h-7 min-w-0 flex-wrap items-center gap-x-2 break-words">
        <span className="flex min-w-0 items-center gap-x-1">
          <span className="min-w-0 break-words [overflow-wrap:anywhere]">{children}</span>
          {copy && <CopyButton inline text={copy} label={t("shell:copy")} />}
        </span>
        {filter && (
          <Button
            look="quiet"
            size="small"
            icon={<Filter />}
            onClick={() => set({ tab: "audit", row: undefined, ...filter }, true)}
          >
            {more}
          </Button>
        )}
      </dd>
    </>
  );
}

/** Signs as well as colours: what went has a minus, what came a plus. */
function Changes({ changes }: { changes: readonly Change[] }) {
  const { t } = useTranslation();
  return (
    <section>
      <h3 className="mb-2 font-semibold text-sm">{t("audit:changed")}</h3>
      <dl className="divide-y rounded-md border">
        {changes.map(({ name, before, after }) => (
          <div key={name} className="grid gap-1 px-3 py-2">
            <dt className="font-medium text-xs">{name}</dt>
            <dd className="grid gap-0.5 font-mono text-xs">
              <Side sign="−" label={t("audit:before")} text={before} look="bg-bad-soft text-bad" />
              <Side sign="+" label={t("audit:after")} text={after} look="bg-good-soft text-good" />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Side({ sign, label, text, look }: { sign: string; label: string; text: string | null; look: string }) {
  if (text === null) return null;
  return (
    <p className={`flex gap-2 rounded-sm px-2 py-0.5 ${look}`}>
      <span aria-hidden>{sign}</span>
      <span className="sr-only">{label}</span>
      <span className="min-w-0 whitespace-pre-wrap [overflow-wrap:anywhere]">{text || "″″"}</span>
    </p>
  );
}

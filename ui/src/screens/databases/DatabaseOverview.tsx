import { useMutation, useQuery } from "@tanstack/react-query";
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseMetrics, databaseUrl, databaseUrlReveal } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { CopyButton, Size, Skeleton, Time, Tip } from "@/parts/small";
import { count } from "@/parts/text";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

const WAYS = ["rw", "ro", "owner"] as const;
type Way = (typeof WAYS)[number];

export function DatabaseOverview({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const reason = database.state_reason;
  return (
    <>
      {reason && (
        <Section title={t("databases:why")}>
          <p className="text-bad">{String(reason.message ?? "")}</p>
          {reason.hint ? <p className="text-muted">{String(reason.hint)}</p> : null}
        </Section>
      )}
      <Section title={t("databases:connect")}>
        <div className="grid max-w-3xl gap-2">
          {(database.engine === "sqlite" || database.host === "embedded" ? (["rw"] as const) : WAYS).map((way) => (
            <ConnectionString key={way} database={database} way={way} />
          ))}
        </div>
      </Section>
      {can("metric.read", "database.read") && <Stats database={database} />}
      <Section title={t("databases:about")}>
        <Facts
          facts={[
            [
              "ID",
              <span key="id" className="inline-flex items-center gap-1 break-all font-mono text-xs">
                {database.id}
                <CopyButton text={database.id} label={t("shell:copy")} />
              </span>,
            ],
            [t("databases:created"), <Time key="at" at={database.created_at} />],
            [t("databases:host"), database.host ?? "–"],
            [t("databases:node"), database.node ?? "–"],
            ...Object.entries(database.labels),
          ]}
        />
        {database.notes && <p className="mt-4 max-w-prose whitespace-pre-wrap text-muted">{database.notes}</p>}
      </Section>
    </>
  );
}

/** The address without its password; revealing it asks for one's own again and is written to the audit log. */
function ConnectionString({ database, way }: { database: DatabaseOut; way: Way }) {
  const { t } = useTranslation();
  const can = useCan();
  const [shown, setShown] = useState(false);
  const path = { database_id: database.id };
  const plain = useQuery({
    queryKey: ["databases", database.id, "url", way],
    queryFn: () => data(databaseUrl({ path, query: { access: way } })),
    enabled: Boolean(database.endpoint),
  });
  const reveal = useMutation({
    mutationFn: () => data(databaseUrlReveal({ path, body: { access: way } })),
    networkMode: "always",
    gcTime: 0,
    onSuccess: () => setShown(true),
  });
  const url = (shown && reveal.data?.url) || plain.data?.url;
  if (!database.endpoint) return <p className="text-muted">{t("databases:noAddress")}</p>;
  return (
    <div className="grid grid-cols-[1fr] gap-x-3 sm:grid-cols-[92px_1fr] sm:items-center">
      <span className="text-muted text-xs">{t(`databases:ways.${way}`)}</span>
      <div className="flex min-h-9 min-w-0 items-center rounded-md border bg-sunken pr-1 pl-3">
        {url ? (
          <code className="min-w-0 flex-1 truncate font-mono text-xs" title={url}>
            {url}
          </code>
        ) : plain.isError ? (
          <span className="flex-1 text-bad text-xs">{plain.error.message}</span>
        ) : (
          <Skeleton className="h-3 flex-1" />
        )}
        {can("database.url.reveal") && (
          <Tip text={shown ? t("databases:hide") : t("databases:reveal")}>
            <Button
              look="quiet"
              size="icon"
              className="size-7"
              busy={reveal.isPending}
              aria-label={shown ? t("databases:hide") : t("databases:reveal")}
              icon={shown ? <EyeOff /> : <Eye />}
              onClick={() => {
                if (!shown) return reveal.mutate();
                setShown(false);
                reveal.reset();
              }}
            />
          </Tip>
        )}
        {url && <CopyButton text={url} label={t("databases:copyUrl")} />}
      </div>
    </div>
  );
}

function Stats({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
    isPending,
  } = useQuery({
    queryKey: ["databases", database.id, "metrics"],
    queryFn: () => data(databaseMetrics({ path: { database_id: database.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const dash = isPending ? <Skeleton className="h-4 w-16" /> : <span className="text-faint">–</span>;
  const number = (value: number | null | undefined) => (value === null || value === undefined ? dash : count(value));
  const last = found?.last_snapshot;
  return (
    <Section title={t("databases:now")}>
      <Facts
        facts={[
          [t("databases:size"), found ? <Size key="size" of={found.size_bytes} /> : dash],
          [t("databases:lastSnapshot"), last ? <Time key="last" at={last.taken_at} /> : dash],
          [t("databases:statements"), number(found?.statements.count)],
          [
            t("databases:speed"),
            found?.statements.p99_ms == null
              ? dash
              : `${count(found.statements.p50_ms ?? 0)} / ${count(found.statements.p99_ms)} ms`,
          ],
          ...(found?.connections == null
            ? []
            : [[t("databases:connections"), `${found.connections} / ${found.connections_max ?? "–"}`] as const]),
          ...(found?.memory_bytes == null
            ? []
            : [[t("databases:memory"), <Size key="memory" of={found.memory_bytes} />] as const]),
        ]}
      />
    </Section>
  );
}

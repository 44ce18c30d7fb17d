import { useMutation, useQuery } from "@tanstack/react-query";
import { Archive, BadgeCheck, Download, Lock, LockOpen, RotateCcw } from "lucide-react";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import {
  downloadCreate,
  type EntryOut,
  entryList,
  type SnapshotOut,
  snapshotGet,
  snapshotTables,
  snapshotUpdate,
  snapshotVerify,
  verificationList,
} from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, PageHead, PageTabs, Section } from "@/parts/Page";
import { Badge, CopyButton, Empty, Size, Skeleton, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { count, lasted } from "@/parts/text";
import { A, useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useOffer } from "@/shell/paletteActs";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { TagEditor } from "./TagEditor";
import { SnapshotProof } from "./words";

export default function SnapshotPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: snapshot,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", id],
    queryFn: () => data(snapshotGet({ path: { snapshot_id: id } })),
  });
  if (error && !snapshot) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={snapshot?.resource_name ?? "…"}
        back={{ to: "/snapshots", title: t("snapshots:title") }}
        state={snapshot && <SnapshotProof of={snapshot} />}
        lead={
          snapshot && (
            <>
              <Time at={snapshot.taken_at ?? snapshot.created_at} />
              <span className="inline-flex items-center font-mono">{snapshot.id}</span>
            </>
          )
        }
      >
        {snapshot && <Verbs snapshot={snapshot} />}
      </PageHead>
      <PageTabs
        label={t("snapshots:one")}
        tabs={[
          { id: "overview", title: t("snapshots:overview"), body: snapshot ? <Summary of={snapshot} /> : <Waiting /> },
          { id: "tables", title: t("snapshots:tables"), body: <Tables id={id} /> },
          { id: "entries", title: t("snapshots:entries"), body: <Entries id={id} />, full: true },
        ]}
      />
    </div>
  );
}

function Verbs({ snapshot }: { snapshot: SnapshotOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const path = { snapshot_id: snapshot.id };
  const verify = useMutation({
    mutationFn: () => data(snapshotVerify({ path, body: {} })),
    onSuccess: ({ run }) => {
      void queries.invalidateQueries({ queryKey: ["snapshots"] });
      toast.undo(t("snapshots:verifying"), t("activity:watch"), () => go(`/runs/${run.id}`));
    },
  });
  const hold = useMutation({
    mutationFn: (hold: boolean) => data(snapshotUpdate({ path, body: { hold } })),
    onSuccess: (after) => {
      queries.setQueryData(["snapshots", snapshot.id], after);
      const word = after.hold ? "hold" : "release";
      toast.undo(t(`snapshots:done.${word}`, { count: 1 }), t("shell:undo"), () => hold.mutate(!after.hold));
    },
  });
  const download = useMutation({
    mutationFn: () => data(downloadCreate({ path, body: {} })),
    networkMode: "always",
    onSuccess: ({ url }) => {
      if (url) location.assign(url);
    },
  });
  const ready = snapshot.state === "ready";
  const restorable = ready && can("snapshot.restore");
  const wizard = `/snapshots/${snapshot.id}/restore`;
  const latest = useRef(go);
  latest.current = go;
  useOffer(
    useMemo(
      () =>
        restorable
          ? [{ id: "restore", title: t("restore:one"), icon: <RotateCcw />, run: () => latest.current(wizard) }]
          : [],
      [restorable, t, wizard],
    ),
  );
  return (
    <>
      {restorable && (
        <Button look="primary" asChild>
          <A to={wizard}>
            <RotateCcw aria-hidden />
            {t("restore:do")}
          </A>
        </Button>
      )}
      {can("snapshot.verify") && ready && (
        <Button icon={<BadgeCheck />} busy={verify.isPending} onClick={() => verify.mutate()}>
          {t("snapshots:verify")}
        </Button>
      )}
      {can("snapshot.create") && ready && (
        <Button
          icon={snapshot.hold ? <LockOpen /> : <Lock />}
          busy={hold.isPending}
          onClick={() => hold.mutate(!snapshot.hold)}
        >
          {snapshot.hold ? t("snapshots:release") : t("snapshots:holdThem")}
        </Button>
      )}
      {can("snapshot.download") && ready && (
        <Button icon={<Download />} busy={download.isPending} onClick={() => download.mutate()}>
          {t("snapshots:download")}
        </Button>
      )}
    </>
  );
}

function Summary({ of }: { of: SnapshotOut }) {
  const { t } = useTranslation();
  const dash = <span className="text-faint">–</span>;
  return (
    <>
      {of.error && (
        <Section title={t("snapshots:failed")}>
          <p className="text-bad">{String(of.error.message ?? "")}</p>
          {of.error.hint ? <p className="text-muted">{String(of.error.hint)}</p> : null}
        </Section>
      )}
      <Section title={t("snapshots:facts")}>
        <Facts
          facts={[
            [
              t("snapshots:database"),
              <A key="db" to={`/databases/${of.resource_id}`} className="text-accent-text hover:underline">
                {of.resource_name}
              </A>,
            ],
            [t("databases:engine"), `${of.engine} ${String(of.summary.engine_version ?? "")}`],
            [t("snapshots:taken"), <Time key="at" at={of.taken_at} />],
            [t("snapshots:trigger"), t(`snapshots:triggers.${of.trigger}`, { defaultValue: of.trigger })],
            [t("snapshots:size"), <Size key="size" of={of.source_bytes} />],
            [t("snapshots:stored"), <Size key="stored" of={of.stored_bytes} />],
            [t("snapshots:took"), of.seconds === null ? dash : lasted(of.seconds)],
            [t("snapshots:tables"), of.tables === null ? dash : count(of.tables)],
            [t("snapshots:rows"), of.rows === null ? dash : count(of.rows)],
            [t("snapshots:type"), of.type ? t(`snapshots:types.${of.type}`, { defaultValue: of.type }) : dash],
            [
              t("snapshots:keptUntil"),
              of.hold ? (
                t("snapshots:held")
              ) : of.forget_due ? (
                <Time key="due" at={of.forget_due} />
              ) : (
                t("snapshots:byPolicy")
              ),
            ],
            [
              t("snapshots:restic"),
              of.restic_id ? (
                <span key="id" className="inline-flex items-center gap-1 font-mono">
                  {of.restic_id.slice(0, 8)}
                  <CopyButton text={of.restic_id} label={t("shell:copy")} />
                </span>
              ) : (
                dash
              ),
            ],
          ]}
        />
      </Section>
      <Section title={t("snapshots:tags")}>
        <TagEditor snapshot={of} />
      </Section>
      <Proofs id={of.id} />
    </>
  );
}

function Proofs({ id }: { id: string }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", id, "verifications"],
    queryFn: () => data(verificationList({ path: { snapshot_id: id } })),
  });
  return (
    <Section title={t("snapshots:verifications")}>
      {error && <ErrorPanel error={error} retry={() => void refetch()} />}
      {found?.items.length === 0 && <p className="text-muted">{t("snapshots:noProofs")}</p>}
      <ul>
        {found?.items.map((each) => (
          <li key={each.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t py-2 first:border-t-0">
            <Badge tone={each.ok ? "good" : each.ok === null ? "info" : "bad"}>
              {t(
                each.ok
                  ? "snapshots:proofs.verified"
                  : each.ok === null
                    ? "snapshots:proofs.pending"
                    : "snapshots:proofs.failed",
              )}
            </Badge>
            <span>{t("snapshots:level", { level: each.level, method: each.method })}</span>
            <span className="flex-1" />
            <span className="text-muted text-xs">
              {lasted(each.seconds)} · <Time at={each.at} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Tables({ id }: { id: string }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", id, "tables"],
    queryFn: () => data(snapshotTables({ path: { snapshot_id: id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Waiting />;
  if (found.items.length === 0) return <Empty dull icon={<span />} title={t("snapshots:noTables")} />;
  return (
    <ul className="px-4 sm:px-6">
      {found.items.map((table) => (
        <li
          key={`${table.schema}.${table.name}`}
          className="grid grid-cols-[minmax(0,1fr)_auto] border-b py-2 sm:grid-cols-[minmax(0,1fr)_120px_120px]"
        >
          <span className="truncate font-medium">
            <span className="text-muted">{table.schema}.</span>
            {table.name}
          </span>
          <span className="hidden text-right text-muted sm:block">
            {t("snapshots:columns", { count: table.columns.length })}
          </span>
          <span className="text-right">{t("snapshots:rowCount", { count: table.rows, shown: count(table.rows) })}</span>
        </li>
      ))}
    </ul>
  );
}

function Entries({ id }: { id: string }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<EntryOut>[]>(
    () => [
      { id: "path", title: t("snapshots:path"), value: (row) => row.path, width: "minmax(200px, 3fr)", card: "title" },
      { id: "kind", title: t("snapshots:kind"), value: (row) => row.type, width: "100px", card: "line" },
      {
        id: "size",
        title: t("snapshots:size"),
        value: (row) => row.size,
        cell: (row) => <Size of={row.size} />,
        numeric: true,
        width: "120px",
        card: "side",
      },
    ],
    [t],
  );
  const source = useMemo<Source<EntryOut>>(
    () => ({
      key: ["snapshots", id, "entries"],
      page: ({ limit, cursor, signal }) =>
        data(entryList({ path: { snapshot_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="entries"
      label={t("snapshots:entries")}
      source={source}
      columns={columns}
      rowId={(row) => row.path}
      empty={{ icon: <Archive />, title: t("snapshots:noEntries") }}
    />
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-4 w-96 max-w-full" />
      <Skeleton className="h-4 w-80 max-w-full" />
    </div>
  );
}

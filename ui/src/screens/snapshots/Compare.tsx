import { useQuery } from "@tanstack/react-query";
import { GitCompare } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotList } from "@/api";
import { Select } from "@/parts/Field";
import { Badge, Empty, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { bytes, count, moment } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { type Change, compared, type Difference } from "./compare";
import { contents, tablesOf } from "./contents";

const TONES: Record<Change, Tone> = {
  removed: "bad",
  added: "good",
  columns: "warn",
  rows: "info",
  content: "info",
  unknown: "plain",
  same: "plain",
};

/** Another snapshot of the same database beside this one: tables, columns, rows, content. */
export function Compare({ snapshot }: { snapshot: SnapshotOut }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const { data: others } = useQuery({
    queryKey: ["snapshots", "list", "compare", snapshot.resource_id],
    queryFn: async () =>
      (await data(snapshotList({ query: { resource_id: snapshot.resource_id, state: ["ready"], limit: 100 } }))).items,
  });
  const rest = others?.filter(({ id }) => id !== snapshot.id) ?? [];
  const other = rest.find(({ id }) => id === search.with) ?? rest.find((each) => isOlder(each, snapshot)) ?? rest[0];
  if (!others) return null;
  if (!other) return <Empty dull icon={<GitCompare />} title={t("snapshots:alone")} lead={t("snapshots:aloneLead")} />;
  const [before, after] = isOlder(other, snapshot) ? [other, snapshot] : [snapshot, other];
  return (
    <Differences key={other.id} before={before} after={after}>
      <Select
        aria-label={t("snapshots:compareWith")}
        value={other.id}
        onChange={(event) => set({ with: event.target.value })}
      >
        {rest.map((each) => (
          <option key={each.id} value={each.id}>
            {moment(each.taken_at ?? each.created_at)}
          </option>
        ))}
      </Select>
    </Differences>
  );
}

const isOlder = (one: SnapshotOut, other: SnapshotOut) =>
  (one.taken_at ?? one.created_at) < (other.taken_at ?? other.created_at);

interface DifferencesProps {
  before: SnapshotOut;
  after: SnapshotOut;
  children: ReactNode;
}

function Differences({ before, after, children }: DifferencesProps) {
  const { t } = useTranslation();
  const columns = useMemo<Column<Difference>[]>(
    () => [
      {
        id: "table",
        title: t("snapshots:table"),
        value: (row) => row.label,
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "change",
        title: t("snapshots:change"),
        value: (row) => t(`snapshots:changes.${row.change}`),
        cell: (row) => <Badge tone={TONES[row.change]}>{t(`snapshots:changes.${row.change}`)}</Badge>,
        width: "minmax(140px, 1fr)",
        card: "side",
      },
      {
        id: "before",
        title: t("snapshots:rowsBefore"),
        value: (row) => row.before,
        cell: (row) => (row.before === null ? "–" : count(row.before)),
        numeric: true,
        width: "130px",
      },
      {
        id: "after",
        title: t("snapshots:rowsAfter"),
        value: (row) => row.after,
        cell: (row) => (row.after === null ? "–" : count(row.after)),
        onCard: (row) => (
          <>
            {row.before !== null && `${count(row.before)} → `}
            {t("snapshots:rowCount", { count: row.after ?? 0, shown: count(row.after ?? 0) })}
          </>
        ),
        numeric: true,
        width: "130px",
        card: "line",
      },
      {
        id: "columns",
        title: t("snapshots:columnsTitle"),
        value: (row) => row.columns.join(", "),
        width: "minmax(120px, 1fr)",
        card: "line",
      },
    ],
    [t],
  );
  const source = useMemo<Source<Difference>>(
    () => ({
      key: contents(before.id, "compare", after.id),
      page: async () => {
        const [old, now] = await Promise.all([before.id, after.id].map((id) => queries.fetchQuery(tablesOf(id))));
        return { items: compared(old ?? [], now ?? []) };
      },
    }),
    [before.id, after.id],
  );
  const size = (of: SnapshotOut) => (of.source_bytes === null ? "–" : bytes(of.source_bytes));
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b px-4 py-2.5 text-sm sm:px-6">
        <span className="text-muted">{t("snapshots:compareWith")}</span>
        <span className="w-64 max-w-full">{children}</span>
        <span className="text-muted">
          {t("snapshots:size")}: {size(before)} → {size(after)}
        </span>
      </div>
      <div className="min-h-0 flex-1">
        <DataTable
          id="compare"
          label={t("snapshots:compare")}
          source={source}
          columns={columns}
          rowId={(row) => row.label}
          empty={{ icon: <GitCompare />, title: t("snapshots:noTables") }}
        />
      </div>
    </div>
  );
}

import { Archive } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotList } from "@/api";
import { Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { usePlainLinks } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { useBulk } from "./useBulk";
import { Held, SnapshotProof, Tags } from "./words";

interface Props {
  filter: { project_id?: string; environment_id?: string; resource_id?: string; trigger?: string[] };
  /** Of one database: its name is not said on every row. */
  ofOne?: boolean;
  /** Until `filter` is known. */
  waits?: boolean;
  action?: ReactNode;
  /** What is said where there are none. */
  empty?: { title: string; lead: string };
}

export function SnapshotTable({ filter, ofOne, waits, action, empty }: Props) {
  const { t } = useTranslation();
  const links = usePlainLinks();
  const can = useCan();
  const { acts, dialogs } = useBulk();
  const restores = can("snapshot.restore");
  const columns = useMemo<Column<SnapshotOut>[]>(() => {
    const named: Column<SnapshotOut> = {
      id: "database",
      title: t("snapshots:database"),
      value: (row) => row.resource_name,
      cell: (row) => (
        <>
          {row.resource_name} {row.hold && <Held />}
        </>
      ),
      width: "minmax(170px, 1.6fr)",
      card: "title",
    };
    const taken: Column<SnapshotOut> = {
      id: "taken",
      title: t("snapshots:taken"),
      value: (row) => row.taken_at ?? row.created_at,
      cell: (row) => (
        <>
          <Time at={row.taken_at ?? row.created_at} /> {ofOne && row.hold && <Held />}
        </>
      ),
      width: "minmax(130px, 0.9fr)",
      card: ofOne ? "title" : "line",
    };
    const way: Column<SnapshotOut> = {
      id: "restore",
      title: t("restore:do"),
      value: (row) => (row.state === "ready" ? `/snapshots/${row.id}/restore` : null),
      cell: (row) =>
        row.state === "ready" && (
          <a
            href={links.href(`/snapshots/${row.id}/restore`)}
            onClick={links.follow}
            className="relative z-1 font-medium text-accent-text hover:underline"
          >
            {t("restore:do")}
          </a>
        ),
      width: "96px",
    };
    return [
      ...(ofOne ? [taken] : [named, taken]),
      {
        id: "proof",
        title: t("snapshots:verification"),
        value: (row) => row.proof,
        cell: (row) => <SnapshotProof of={row} />,
        width: "minmax(120px, 0.9fr)",
        card: "side",
      },
      {
        id: "type",
        title: t("snapshots:type"),
        value: (row) => (row.type ? t(`snapshots:types.${row.type}`, { defaultValue: row.type }) : null),
        width: "110px",
      },
      {
        id: "trigger",
        title: t("snapshots:trigger"),
        value: (row) => t(`snapshots:triggers.${row.trigger}`, { defaultValue: row.trigger }),
        width: "110px",
        card: "line",
      },
      {
        id: "size",
        title: t("snapshots:size"),
        value: (row) => row.source_bytes,
        cell: (row) => <Size of={row.source_bytes} />,
        numeric: true,
        width: "96px",
        card: "line",
      },
      {
        id: "stored",
        title: t("snapshots:stored"),
        value: (row) => row.stored_bytes,
        cell: (row) => <Size of={row.stored_bytes} />,
        numeric: true,
        width: "96px",
      },
      {
        id: "seconds",
        title: t("snapshots:took"),
        value: (row) => row.seconds,
        cell: (row) => (row.seconds === null ? "–" : lasted(row.seconds)),
        numeric: true,
        width: "96px",
      },
      { id: "tags", title: t("snapshots:tags"), value: (row) => row.tags.join(", "), cell: (row) => <Tags of={row} /> },
      ...(restores ? [way] : []),
      { id: "engine", title: t("databases:engine"), value: (row) => row.engine, spare: true },
      { id: "rows", title: t("snapshots:rows"), value: (row) => row.rows, numeric: true, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "270px", spare: true },
    ];
  }, [t, ofOne, restores, links]);

  const filters = useMemo<Filter[]>(() => {
    const options = (group: string, values: string[]) =>
      values.map((value) => ({ value, label: t(`snapshots:${group}.${value}`) }));
    return [
      {
        id: "proof",
        title: t("snapshots:verification"),
        options: options("proofs", ["verified", "pending", "skipped", "stale", "failed"]),
      },
      {
        id: "state",
        title: t("snapshots:state"),
        many: true,
        options: options("states", ["ready", "creating", "failed", "forgotten", "deleted"]),
      },
      {
        id: "trigger",
        title: t("snapshots:trigger"),
        many: true,
        options: options("triggers", ["manual", "schedule", "safety", "import"]),
      },
      { id: "hold", title: t("snapshots:hold"), options: [{ value: "true", label: t("snapshots:held") }] },
    ];
  }, [t]);

  const source = useMemo<Source<SnapshotOut>>(
    () => ({
      key: ["snapshots", "list", filter],
      waits,
      page: ({ q, filters, limit, cursor, signal }) =>
        data(
          snapshotList({
            query: {
              ...filter,
              limit,
              cursor,
              ...(q && { q }),
              ...(filters.proof && { proof: filters.proof[0] as "verified" }),
              ...(filters.state && { state: [...filters.state] }),
              ...(filters.trigger && { trigger: [...filters.trigger] }),
              ...(filters.hold && { hold: true }),
            },
            signal,
          }),
        ),
    }),
    [filter, waits],
  );

  return (
    <>
      <DataTable
        id="snapshots"
        label={t("snapshots:title")}
        source={source}
        columns={columns}
        filters={filters}
        acts={acts}
        rowId={(row) => row.id}
        to={(row) => `/snapshots/${row.id}`}
        searchHint={t("snapshots:find")}
        empty={{
          icon: <Archive />,
          title: empty?.title ?? t("snapshots:first"),
          lead: empty?.lead ?? t("snapshots:firstLead"),
          action,
        }}
      >
        {action}
      </DataTable>
      {dialogs}
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { PiggyBank } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type SavingsOut, savingsList } from "@/api";
import { Chart } from "@/parts/chart/Chart";
import { Size } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { bytes, count } from "@/parts/text";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { language } from "@/shell/words";
import { money } from "./money";

const CHARTED = 12;

/** Every repository's bytes as they were and as they are stored, and in total what that spares. */
export function AllSavings() {
  const { t } = useTranslation();
  const { filter } = useScope();
  const { project_id } = filter;
  const first = useMemo(
    () => ({
      queryKey: ["repositories", "savings", "first", project_id],
      queryFn: () => data(savingsList({ query: { limit: 100, ...(project_id && { project_id }) } })),
    }),
    [project_id],
  );
  const { data: found } = useQuery(first);
  const columns = useMemo<Column<SavingsOut>[]>(() => {
    const spend = (row: SavingsOut, value: number | null) =>
      value === null || !row.currency ? "–" : money(value, row.currency, language());
    const size = (id: "logical_bytes" | "stored_bytes" | "saved_bytes" | "collected_30d_bytes", title: string) =>
      ({
        id,
        title,
        value: (row) => row[id],
        cell: (row) => (
          <>
            <span className="text-muted text-xs sm:hidden">{title} </span>
            <Size of={row[id]} />
          </>
        ),
        numeric: true,
      }) as Column<SavingsOut>;
    return [
      {
        id: "name",
        title: t("repositories:name"),
        value: (row) => row.name,
        width: "minmax(140px, 1.4fr)",
        card: "title",
      },
      { ...size("logical_bytes", t("savings:logical")), width: "130px" },
      { ...size("stored_bytes", t("savings:stored")), width: "110px", card: "line" },
      { ...size("saved_bytes", t("savings:saved")), width: "110px", card: "side" },
      { ...size("collected_30d_bytes", t("savings:collected")), width: "140px" },
      { id: "snapshots", title: t("savings:snapshots"), value: (row) => row.snapshots, numeric: true, width: "110px" },
      {
        id: "cost",
        title: t("savings:cost"),
        value: (row) => row.cost,
        cell: (row) => spend(row, row.cost),
        numeric: true,
        width: "130px",
        card: "line",
      },
    ];
  }, [t]);
  const source = useMemo<Source<SavingsOut>>(
    () => ({
      key: ["repositories", "savings", "rows", project_id],
      page: async ({ cursor, limit, signal }) =>
        cursor
          ? data(savingsList({ query: { limit, cursor, ...(project_id && { project_id }) }, signal }))
          : queries.fetchQuery(first),
    }),
    [project_id, first],
  );
  const total = found?.total;
  const charted = (found?.items ?? []).filter(({ logical_bytes }) => logical_bytes > 0).slice(0, CHARTED);
  return (
    <div className="flex h-full flex-col">
      {total && total.repositories > 0 && (
        <div className="flex flex-wrap gap-x-10 gap-y-3 px-4 pt-4 sm:px-6">
          <dl className="grid grid-cols-2 content-start gap-x-8 gap-y-3">
            {[
              [t("savings:saved"), bytes(total.saved_bytes)],
              [t("savings:stored"), bytes(total.stored_bytes)],
              [t("savings:collected"), bytes(total.collected_30d_bytes)],
              [t("savings:snapshots"), count(total.snapshots)],
              ...total.money.map((each) => [
                `${t("savings:cost")} (${each.currency})`,
                money(each.cost, each.currency, language()),
              ]),
            ].map(([name, value]) => (
              <div key={name}>
                <dt className="text-muted text-xs">{name}</dt>
                <dd className="figures font-semibold text-lg">{value}</dd>
              </div>
            ))}
          </dl>
          {charted.length > 0 && (
            <div className="min-w-64 max-w-2xl flex-1">
              <Chart
                kind="bar"
                label={t("savings:chart")}
                points={charted.map(({ name, logical_bytes, stored_bytes }) => ({ name, logical_bytes, stored_bytes }))}
                x={{ key: "name", as: "name" }}
                series={[
                  { key: "logical_bytes", title: t("savings:logical") },
                  { key: "stored_bytes", title: t("savings:stored") },
                ]}
                inBytes
                format={(value) => bytes(value)}
                height={180}
              />
            </div>
          )}
        </div>
      )}
      <div className="min-h-0 flex-1">
        <DataTable
          id="savings"
          label={t("savings:title")}
          source={source}
          columns={columns}
          rowId={(row) => row.repository_id}
          to={(row) => `/repositories/${row.repository_id}`}
          empty={{ icon: <PiggyBank />, title: t("savings:none"), lead: t("savings:noneLead") }}
        />
      </div>
    </div>
  );
}

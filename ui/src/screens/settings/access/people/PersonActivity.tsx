import { ScrollText } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type ActivityOut, activityList } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { data } from "@/shell/api";

/** What someone did, the newest first. */
export function PersonActivity({ id }: { id: string }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<ActivityOut>[]>(
    () => [
      {
        id: "sentence",
        title: t("activity:what"),
        value: (row) => row.sentence,
        width: "minmax(240px, 4fr)",
        card: "title",
      },
      {
        id: "outcome",
        title: t("activity:outcome"),
        value: (row) => row.outcome,
        cell: (row) =>
          row.outcome === "ok" ? (
            <span className="text-muted">{t("activity:outcomes.ok")}</span>
          ) : (
            <Badge tone={row.outcome === "denied" ? "warn" : "bad"}>{t(`activity:outcomes.${row.outcome}`)}</Badge>
          ),
        width: "110px",
        card: "side",
      },
      {
        id: "at",
        title: t("activity:when"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        width: "130px",
        card: "line",
      },
    ],
    [t],
  );
  const source = useMemo<Source<ActivityOut>>(
    () => ({
      key: ["activity", "of", id],
      page: ({ q, limit, cursor, signal }) =>
        data(activityList({ query: { actor: id, limit, cursor, ...(q && { text: q }) }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="person-activity"
      label={t("people:activity")}
      source={source}
      columns={columns}
      rowId={(row) => String(row.seq)}
      searchHint={t("activity:find")}
      empty={{ icon: <ScrollText />, title: t("activity:nothing") }}
    />
  );
}

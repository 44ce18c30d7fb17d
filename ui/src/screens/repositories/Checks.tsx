import { BadgeCheck, CircleCheck, CircleX } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type CheckOut, repositoryCheckList } from "@/api";
import { Badge, Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { lasted } from "@/parts/text";
import { data } from "@/shell/api";

/** What was proven of a repository, how and when. */
export function Checks({ id }: { id: string }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<CheckOut>[]>(
    () => [
      {
        id: "at",
        title: t("repositories:at"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        card: "title",
      },
      {
        id: "ok",
        title: t("repositories:lastResult"),
        value: (row) => (row.ok ? t("repositories:sound") : t("repositories:damaged")),
        cell: (row) => (
          <Badge tone={row.ok ? "good" : "bad"} icon={row.ok ? <CircleCheck /> : <CircleX />}>
            {row.ok ? t("repositories:sound") : t("repositories:damaged")}
          </Badge>
        ),
        card: "side",
      },
      { id: "method", title: t("repositories:method"), value: (row) => row.method, card: "line" },
      {
        id: "read",
        title: t("repositories:read"),
        value: (row) => row.bytes,
        cell: (row) => <Size of={row.bytes} />,
        numeric: true,
        card: "line",
      },
      { id: "errors", title: t("repositories:errors"), value: (row) => row.errors_total, numeric: true },
      {
        id: "seconds",
        title: t("repositories:took"),
        value: (row) => row.seconds,
        cell: (row) => lasted(row.seconds),
        numeric: true,
      },
    ],
    [t],
  );
  const source = useMemo<Source<CheckOut>>(
    () => ({
      key: ["repositories", id, "checks"],
      page: ({ limit, cursor, signal }) =>
        data(repositoryCheckList({ path: { repository_id: id }, query: { limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="checks"
      label={t("repositories:checks")}
      source={source}
      columns={columns}
      rowId={(row) => row.id}
      empty={{ icon: <BadgeCheck />, title: t("repositories:noChecks"), lead: t("repositories:noChecksLead") }}
    />
  );
}

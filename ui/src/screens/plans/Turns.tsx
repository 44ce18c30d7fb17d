import { CircleCheck, CircleDashed, CircleX, History, LoaderCircle } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type TurnOut, turnList } from "@/api";
import { Badge, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { data } from "@/shell/api";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  succeeded: ["good", CircleCheck],
  partial: ["warn", CircleX],
  failed: ["bad", CircleX],
  running: ["info", LoaderCircle],
};

/** What a plan did and is about to do, newest first. */
export function Turns({ id }: { id: string }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<TurnOut>[]>(
    () => [
      {
        id: "due",
        title: t("plans:due"),
        value: (row) => row.due_at,
        cell: (row) => <Time at={row.due_at} />,
        width: "minmax(120px, 1fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("plans:state"),
        value: (row) => row.state,
        cell: (row) => {
          const [tone, Icon] = LOOKS[row.state] ?? ["plain", CircleDashed];
          return (
            <Badge tone={tone} icon={<Icon />}>
              {t(`plans:turns.${row.state}`, { defaultValue: row.state })}
            </Badge>
          );
        },
        card: "side",
      },
      {
        id: "trigger",
        title: t("plans:trigger"),
        value: (row) => t(`plans:triggers.${row.trigger}`, { defaultValue: row.trigger }),
        card: "line",
      },
      {
        id: "done",
        title: t("plans:done"),
        value: (row) => row.succeeded,
        cell: (row) => t("plans:doneOf", { done: row.succeeded, total: row.total }),
        width: "120px",
        card: "line",
      },
      { id: "failed", title: t("plans:failed"), value: (row) => row.failed, numeric: true, width: "90px" },
      {
        id: "ended",
        title: t("plans:ended"),
        value: (row) => row.ended_at,
        cell: (row) => <Time at={row.ended_at} />,
        width: "130px",
      },
    ],
    [t],
  );
  const source = useMemo<Source<TurnOut>>(
    () => ({
      key: ["plans", id, "turns"],
      page: ({ limit, cursor, signal }) => data(turnList({ query: { plan_id: id, limit, cursor }, signal })),
    }),
    [id],
  );
  return (
    <DataTable
      id="turns"
      label={t("plans:history")}
      source={source}
      columns={columns}
      rowId={(row) => row.id}
      to={(row) => `/runs/${row.run_id}`}
      empty={{ icon: <History />, title: t("plans:noTurns"), lead: t("plans:noTurnsLead") }}
    />
  );
}

import { CircleCheck, CircleDashed, CircleX, Download, History, LoaderCircle } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type HoldfastFeaturesPlansWireTurnOut as TurnOut, turnList } from "@/api";
import { Button } from "@/parts/Button";
import { Badge, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { TurnSheet } from "./TurnSheet";

const STATES = ["pending", "running", "succeeded", "partial", "failed", "cancelled", "skipped"] as const;

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  succeeded: ["good", CircleCheck],
  partial: ["warn", CircleX],
  failed: ["bad", CircleX],
  running: ["info", LoaderCircle],
};

/** What a plan (or without `id` every plan of the project) did and is about to do, newest first. */
export function Turns({ id }: { id?: string }) {
  const { t } = useTranslation();
  const { project } = useScope();
  const [opened, setOpened] = useState<TurnOut | null>(null);
  const project_id = id ? undefined : project?.id;
  const states = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("plans:state"),
        many: true,
        options: STATES.map((value) => ({ value, label: t(`plans:turns.${value}`) })),
      },
    ],
    [t],
  );
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
  const ofWhom = useMemo(
    (): Record<string, string> => (id ? { plan_id: id } : { ...(project_id && { project_id }) }),
    [id, project_id],
  );
  const source = useMemo<Source<TurnOut>>(
    () => ({
      key: ["plans", id ?? project_id, "turns"],
      waits: !id && !project_id,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          turnList({
            query: { ...ofWhom, limit, cursor, ...(filters.state && { state: [...filters.state] }) },
            signal,
          }),
        ),
    }),
    [id, project_id, ofWhom],
  );
  const asked = new URLSearchParams({ ...ofWhom, format: "csv" });
  return (
    <>
      <DataTable
        id="turns"
        label={t("plans:history")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={setOpened}
        filters={states}
        empty={{
          icon: <History />,
          title: t(id ? "plans:noTurns" : "plans:noTurnsAll"),
          lead: t(id ? "plans:noTurnsLead" : "plans:noTurnsAllLead"),
        }}
      >
        <Button asChild look="quiet">
          <a href={`/api/v1/plan-turns/export?${asked}`} download>
            <Download aria-hidden />
            {t("plans:download")}
          </a>
        </Button>
      </DataTable>
      {opened && <TurnSheet turn={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

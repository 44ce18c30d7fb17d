import { ArrowRightLeft, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type MoveOut, moveDelete, moveList } from "@/api";
import { Badge, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { count } from "@/parts/text";
import { useCreating } from "@/parts/useCreating";
import { useEach } from "@/parts/useEach";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { useEngines } from "../engines";
import type { TabProps } from "../tabs";
import { MoveSheet } from "./MoveSheet";
import { MoveWizard } from "./MoveWizard";

const TONES: Record<string, Tone> = {
  planned: "warn",
  planning: "info",
  moving: "info",
  succeeded: "good",
  failed: "bad",
};

/** Copies of a database in another engine: what each would lose, and the proof that every row arrived. */
export default function MovesTab({ database }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const { data: engines } = useEngines();
  const able = can("database.move") && database.state === "ready";
  const { creating, end, add } = useCreating("move.new", t("moves:new"), able);
  const [opened, setOpened] = useState<MoveOut | null>(null);
  const columns = useMemo<Column<MoveOut>[]>(() => {
    const titles = Object.fromEntries((engines ?? []).map(({ name, title }) => [name, title]));
    return [
      {
        id: "name",
        title: t("moves:target"),
        value: (row) => row.name,
        width: "minmax(160px, 1.6fr)",
        card: "title",
      },
      { id: "engine", title: t("moves:engine"), value: (row) => titles[row.engine] ?? row.engine, card: "line" },
      {
        id: "state",
        title: t("moves:state"),
        value: (row) => t(`moves:states.${row.state}`, { defaultValue: row.state }),
        cell: (row) => (
          <Badge tone={TONES[row.state] ?? "plain"}>
            {t(`moves:states.${row.state}`, { defaultValue: row.state })}
          </Badge>
        ),
        card: "side",
      },
      {
        id: "rows",
        title: t("moves:rows"),
        value: (row) => row.receipt?.rows ?? null,
        cell: (row) => (row.receipt ? count(row.receipt.rows) : "–"),
        onCard: ({ receipt }) =>
          receipt && t("snapshots:rowCount", { count: receipt.rows, shown: count(receipt.rows) }),
        numeric: true,
        width: "110px",
        card: "line",
      },
      { id: "losses", title: t("moves:losses"), value: (row) => row.losses.length, numeric: true, width: "110px" },
      {
        id: "at",
        title: t("moves:at"),
        value: (row) => row.created_at,
        cell: (row) => <Time at={row.created_at} />,
        width: "130px",
        card: "line",
      },
    ];
  }, [t, engines]);
  const source = useMemo<Source<MoveOut>>(
    () => ({
      key: ["moves", "list", database.id],
      page: ({ limit, cursor, signal }) =>
        data(moveList({ query: { resource_id: database.id, limit, cursor }, signal })),
    }),
    [database.id],
  );
  const acts: BulkAct<MoveOut>[] = can("database.move")
    ? [
        {
          id: "forget",
          title: t("moves:forget"),
          icon: <Trash2 />,
          run: (rows, clear) =>
            each(rows, (row) => data(moveDelete({ path: { move_id: row.id } })), clear).then(() =>
              queries.invalidateQueries({ queryKey: ["moves"] }),
            ),
        },
      ]
    : [];
  return (
    <>
      <DataTable
        id="moves"
        label={t("moves:title")}
        source={source}
        columns={columns}
        acts={acts}
        rowId={(row) => row.id}
        onOpen={setOpened}
        empty={{ icon: <ArrowRightLeft />, title: t("moves:first"), lead: t("moves:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <MoveWizard database={database} onClose={end} onPlanned={setOpened} />}
      {opened && <MoveSheet move={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

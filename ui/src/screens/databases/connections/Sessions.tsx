import { useQuery } from "@tanstack/react-query";
import { Ban, RefreshCw, Unplug, Users } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  databaseLockList,
  databaseSessionCancel,
  databaseSessionEnd,
  databaseSessionList,
  type SessionAtServerOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Badge, Time, Tip } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { BulkAct, Column, Source } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";

/** Who is connected now. Nobody tells when that changes, so it is read again when asked. */
export function Sessions({ database }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const [ending, setEnding] = useState<{ rows: SessionAtServerOut[]; clear: () => void } | null>(null);
  const { id } = database;
  const again = () => {
    void queries.invalidateQueries({ queryKey: ["databases", id, "sessions"] });
    void queries.invalidateQueries({ queryKey: ["databases", id, "locks"] });
  };
  const columns = useMemo<Column<SessionAtServerOut>[]>(
    () => [
      {
        id: "user",
        title: t("connections:user"),
        value: (row) => row.user ?? row.id,
        cell: (row) => (
          <span className="inline-flex items-center gap-1.5">
            {row.user ?? row.id}
            {row.ours && <Badge>Holdfast</Badge>}
          </span>
        ),
        width: "minmax(150px, 1fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("databases:state"),
        value: (row) => row.state,
        cell: (row) =>
          row.blocked_by.length > 0 ? (
            <Badge tone="warn">{t("connections:waits")}</Badge>
          ) : (
            <Badge tone={row.state === "active" ? "info" : "plain"}>{row.state}</Badge>
          ),
        width: "130px",
        card: "side",
      },
      {
        id: "statement",
        title: t("connections:statement"),
        value: (row) => row.statement,
        cell: (row) => (
          <code className="font-mono text-xs" title={row.statement ?? undefined}>
            {row.statement ?? "–"}
          </code>
        ),
        width: "minmax(200px, 3fr)",
        card: "line",
      },
      {
        id: "statement_since",
        title: t("connections:statementSince"),
        value: (row) => row.statement_since,
        cell: (row) => <Time at={row.statement_since} />,
        width: "120px",
      },
      { id: "application", title: t("connections:application"), value: (row) => row.application },
      { id: "address", title: t("connections:address"), value: (row) => row.address, spare: true },
      {
        id: "since",
        title: t("connections:since"),
        value: (row) => row.since,
        cell: (row) => <Time at={row.since} />,
        width: "120px",
      },
      { id: "waiting_for", title: t("connections:waitingFor"), value: (row) => row.waiting_for, spare: true },
      { id: "id", title: t("connections:number"), value: (row) => row.id, width: "100px", spare: true },
    ],
    [t],
  );
  const source = useMemo<Source<SessionAtServerOut>>(
    () => ({
      key: ["databases", id, "sessions"],
      page: ({ signal }) => data(databaseSessionList({ path: { database_id: id }, signal })),
    }),
    [id],
  );
  const acts: BulkAct<SessionAtServerOut>[] = can("database.session.kill")
    ? [
        {
          id: "cancel",
          title: t("connections:cancel"),
          icon: <Ban />,
          run: (rows, clear) =>
            void each(
              rows,
              (row) => data(databaseSessionCancel({ path: { database_id: id, number: row.id } })),
              () => {
                clear();
                again();
              },
              "connections:cancelled",
            ),
        },
        {
          id: "end",
          title: t("connections:end"),
          icon: <Unplug />,
          danger: true,
          run: (rows, clear) => setEnding({ rows, clear }),
        },
      ]
    : [];
  return (
    <div className="flex h-full min-h-0 flex-col">
      <Waits id={id} />
      <div className="min-h-0 flex-1">
        <DataTable
          id="sessions"
          label={t("connections:sessions")}
          source={source}
          columns={columns}
          acts={acts}
          rowId={(row) => row.id}
          empty={{
            icon: <Users />,
            title: t("connections:nobody"),
            lead: t("connections:nobodyLead"),
            action: (
              <Button icon={<RefreshCw />} onClick={again}>
                {t("connections:again")}
              </Button>
            ),
          }}
        >
          <Again onClick={again} />
        </DataTable>
      </div>
      {ending && (
        <Confirm
          open
          danger
          onOpenChange={(open) => !open && setEnding(null)}
          title={t("connections:endTitle", { count: ending.rows.length })}
          lead={t("connections:endLead")}
          verb={t("connections:end")}
          act={() =>
            each(
              ending.rows,
              (row) => data(databaseSessionEnd({ path: { database_id: id, number: row.id } })),
              () => {
                ending.clear();
                again();
              },
              "connections:ended",
            )
          }
        />
      )}
    </div>
  );
}

function Again({ onClick }: { onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <Tip text={t("connections:again")}>
      <Button size="icon" aria-label={t("connections:again")} icon={<RefreshCw />} onClick={onClick} />
    </Tip>
  );
}

/** Who waits for whom, longest first; nothing where nobody waits. */
function Waits({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: found } = useQuery({
    queryKey: ["databases", id, "locks"],
    queryFn: async () => (await data(databaseLockList({ path: { database_id: id } }))).items,
  });
  if (!found || found.length === 0) return null;
  return (
    <ul
      aria-label={t("connections:locks")}
      className="max-h-40 overflow-y-auto border-b bg-warn-soft px-4 py-2 text-xs sm:px-6"
    >
      {found.map((each) => (
        <li key={`${each.waiter} ${each.holder} ${each.target}`} className="flex flex-wrap gap-x-2 py-0.5 text-warn">
          <span>{t("connections:waitsFor", { waiter: each.waiter, holder: each.holder })}</span>
          <code className="font-mono">{[each.target, each.mode].filter(Boolean).join(" · ")}</code>
          <Time at={each.since} />
        </li>
      ))}
    </ul>
  );
}

import { ListTree } from "lucide-react";
import { type ReactNode, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type InvocationOut, workerInvocationList } from "@/api";
import { ErrorText } from "@/parts/ErrorPanel";
import { FollowButton } from "@/parts/LogLines";
import { Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import { fromSearch } from "@/parts/table/state";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useAddress } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { versionName } from "../listed";
import { short } from "../overview/series";
import type { TabProps } from "../tabs";
import { useVersionName, useVersions } from "../useVersions";
import { CALL_FILTERS, callsQuery } from "./calls";
import { useCalls } from "./useCalls";
import { OUTCOMES, Outcome, TRIGGERS, what } from "./words";

const NEAR_TOP = 24;
const WALKS = /^(Arrow|Page|Home|End|Enter$)/;
const isGrid = (target: EventTarget): target is HTMLElement =>
  target instanceof HTMLElement && target.getAttribute("role") === "grid";
const idOf = ({ id }: InvocationOut) => id;

/** Each request, call, turn and socket with how it ended, as they end. */
export function Invocations({ worker, children }: TabProps & { children: ReactNode }) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const [follows, setFollows] = useState(true);
  const top = useRef(0);
  const { filters: narrowed } = fromSearch(search, [], CALL_FILTERS);
  const { begun, waits, newest, error } = useCalls(worker.id, narrowed, follows && worker.deleted_at === null);
  const named = useVersionName(worker.id);
  const { data: versions } = useVersions(worker.id);
  const columns = useMemo<Column<InvocationOut>[]>(
    () => [
      {
        id: "what",
        title: t("workers:call"),
        value: (row) => what(row),
        cell: (row) => <span className="truncate font-mono text-xs">{what(row)}</span>,
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "at",
        title: t("workers:when"),
        value: (row) => new Date(row.at).toISOString(),
        cell: (row) => <Time at={new Date(row.at).toISOString()} />,
        width: "120px",
        card: "line",
      },
      {
        id: "outcome",
        title: t("workers:outcome"),
        value: (row) => row.outcome,
        cell: (row) => <Outcome of={row} />,
        width: "minmax(120px, 0.8fr)",
        card: "side",
      },
      {
        id: "trigger",
        title: t("workers:trigger"),
        value: (row) => t(`workers:callTriggers.${row.trigger}`, { defaultValue: row.trigger }),
        width: "100px",
      },
      {
        id: "wall",
        title: t("workers:duration"),
        value: (row) => row.wall_ms,
        cell: (row) => short(row.wall_ms),
        numeric: true,
        width: "96px",
        card: "line",
      },
      {
        id: "cpu",
        title: "CPU",
        value: (row) => row.cpu_ms,
        cell: (row) => (row.cpu_ms === null ? "–" : short(row.cpu_ms)),
        numeric: true,
        width: "88px",
      },
      {
        id: "memory",
        title: t("workers:memory"),
        value: (row) => row.memory_bytes,
        cell: (row) => <Size of={row.memory_bytes} />,
        numeric: true,
        width: "90px",
        spare: true,
      },
      { id: "version", title: t("workers:version"), value: (row) => named(row.version_id), width: "100px" },
      { id: "error", title: t("workers:error"), value: (row) => row.error?.message, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, named],
  );
  const filters = useMemo<Filter[]>(
    () => [
      { id: "failed", title: t("workers:failed"), options: [{ value: "yes", label: t("workers:onlyFailed") }] },
      {
        id: "outcome",
        title: t("workers:outcome"),
        options: OUTCOMES.map((value) => ({ value, label: t(`workers:outcomes.${value}`) })),
      },
      {
        id: "trigger",
        title: t("workers:trigger"),
        options: TRIGGERS.map((value) => ({ value, label: t(`workers:callTriggers.${value}`) })),
      },
      {
        id: "version",
        title: t("workers:version"),
        options: (versions ?? []).map((each) => ({ value: each.id, label: versionName(each) })),
      },
    ],
    [t, versions],
  );
  const source = useMemo<Source<InvocationOut>>(
    () => ({
      key: ["workers", worker.id, "invocations", begun],
      waits,
      newest,
      page: ({ filters, limit, cursor, signal }) =>
        data(
          workerInvocationList({
            path: { worker_id: worker.id },
            query: { limit, cursor, ...callsQuery(filters) },
            signal,
          }),
        ),
    }),
    [worker.id, begun, waits, newest],
  );
  // What comes moves the rows: who scrolls down or walks by keys looks at some of them; who is back at the top waits for more.
  return (
    <div
      className="flex h-full min-h-0 flex-col"
      onScrollCapture={({ target }) => {
        if (!isGrid(target)) return;
        const was = top.current;
        top.current = target.scrollTop;
        if (top.current >= NEAR_TOP) setFollows(false);
        else if (was >= NEAR_TOP) setFollows(true);
      }}
      onKeyDownCapture={({ key, target }) => {
        if (isGrid(target) && WALKS.test(key)) setFollows(false);
      }}
    >
      {error !== null && (
        <div className="px-4 pt-2 sm:px-6">
          <ErrorText error={asError(error)} />
        </div>
      )}
      <div className="min-h-0 flex-1">
        <DataTable
          id="worker-calls"
          label={t("workers:logViews.calls")}
          source={source}
          columns={columns}
          filters={filters}
          rowId={idOf}
          onOpen={(row) => set({ call: row.id }, true)}
          empty={{
            icon: <ListTree />,
            title: t("workers:noCallsYet"),
            lead: t("workers:noCallsLead"),
          }}
          lead={children}
        >
          {worker.deleted_at === null && <FollowButton on={follows} set={setFollows} />}
        </DataTable>
      </div>
    </div>
  );
}

import { queryOptions, useQuery } from "@tanstack/react-query";
import { FlaskConical, ListChecks, Play, Undo2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { migrationStatus, type StandingOut } from "@/api";
import { Button } from "@/parts/Button";
import { Segments } from "@/parts/Setting";
import { Badge, Time, type Tone } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { Drift } from "./Drift";
import { History } from "./History";
import { MigrationSheet } from "./MigrationSheet";
import { type Act, RunSheet } from "./RunSheet";

const TONES: Record<string, Tone> = {
  applied: "good",
  pending: "info",
  partial: "bad",
  changed: "bad",
  unknown: "warn",
};
const VIEWS = ["list", "drift", "history"] as const;

const NONE: readonly StandingOut[] = [];

/** All of them at once: the database's ledger has no pages. The list and its buttons read the same answer. */
const statusOf = (id: string) =>
  queryOptions({
    queryKey: ["migrations", id, "status"],
    queryFn: async (): Promise<readonly StandingOut[]> =>
      (await data(migrationStatus({ path: { database_id: id } }))).migrations,
  });

/** What a database's structure went through, is about to go through, and whether anybody changed it besides. */
export default function MigrationsTab({ database }: TabProps) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const view = VIEWS.find((each) => each === search.view) ?? "list";
  return (
    <div className="flex h-full flex-col">
      <div className="flex flex-wrap items-center justify-between gap-2 px-4 pt-3 sm:px-6">
        <Segments
          label={t("migrations:title")}
          value={view}
          options={VIEWS.map((value) => ({ value, label: t(`migrations:views.${value}`) }))}
          onChange={(value) => set({ view: value === "list" ? undefined : value, q: undefined, sort: undefined })}
        />
        {view === "list" && <Acts database={database} />}
      </div>
      <div className="min-h-0 flex-1">
        {view === "list" && <Standings database={database} />}
        {view === "drift" && <Drift database={database} />}
        {view === "history" && <History id={database.id} />}
      </div>
    </div>
  );
}

function Standings({ database }: Pick<TabProps, "database">) {
  const { t } = useTranslation();
  const able = useCan()("migration.apply");
  const { creating, end, add } = useCreating("migration.new", t("migrations:new"), able);
  const [opened, setOpened] = useState<StandingOut | null>(null);
  const columns = useColumns();
  const states = useMemo<Filter[]>(
    () => [
      {
        id: "state",
        title: t("migrations:state"),
        many: true,
        options: Object.keys(TONES).map((value) => ({ value, label: t(`migrations:states.${value}`) })),
      },
    ],
    [t],
  );
  const source = useMemo<Source<StandingOut>>(
    () => ({
      key: ["migrations", database.id, "rows"],
      page: async ({ q, filters }) => {
        const all = await queries.fetchQuery(statusOf(database.id));
        const wanted = q.toLowerCase();
        const items = all
          .filter(({ state }) => !filters.state || filters.state.includes(state))
          .filter(({ name, number }) => `${number} ${name}`.toLowerCase().includes(wanted))
          .reverse(); // the newest is what one comes for
        return { items, next_cursor: null };
      },
    }),
    [database.id],
  );
  return (
    <>
      <DataTable
        id="migrations"
        label={t("migrations:title")}
        source={source}
        columns={columns}
        filters={states}
        rowId={(row) => String(row.number)}
        onOpen={setOpened}
        searchHint={t("migrations:find")}
        empty={{ icon: <ListChecks />, title: t("migrations:first"), lead: t("migrations:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <MigrationSheet database={database} onClose={end} />}
      {opened && <MigrationSheet database={database} standing={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

/** What is done with all of them: shown while there is something to do it with. */
function Acts({ database }: Pick<TabProps, "database">) {
  const { t } = useTranslation();
  const able = useCan()("migration.apply");
  const [act, setAct] = useState<Act | null>(null);
  const { data: standings = NONE } = useQuery(statusOf(database.id));
  const pending = standings.some(({ state }) => state === "pending" || state === "partial");
  const applied = standings.some(({ state }) => state === "applied" || state === "changed");
  return (
    <div className="flex flex-wrap gap-1 empty:hidden sm:gap-1.5 max-sm:[&_svg]:hidden">
      {able && applied && (
        <Button icon={<Undo2 />} onClick={() => setAct("rollback")}>
          {t("migrations:acts.rollback")}
        </Button>
      )}
      {able && pending && (
        <>
          <Button icon={<ListChecks />} onClick={() => setAct("baseline")}>
            {t("migrations:acts.baseline")}
          </Button>
          <Button icon={<FlaskConical />} onClick={() => setAct("rehearse")}>
            {t("migrations:acts.rehearse")}
          </Button>
          <Button icon={<Play />} onClick={() => setAct("apply")}>
            {t("migrations:acts.apply")}
          </Button>
        </>
      )}
      {act && <RunSheet act={act} database={database} standings={standings} onClose={() => setAct(null)} />}
    </div>
  );
}

function useColumns() {
  const { t } = useTranslation();
  return useMemo<Column<StandingOut>[]>(
    () => [
      {
        id: "name",
        title: t("migrations:name"),
        value: (row) => `${row.number} ${row.name}`,
        cell: (row) => (
          <>
            <span className="figures mr-2 text-faint">{row.number}</span>
            {row.name}
          </>
        ),
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("migrations:state"),
        value: (row) => t(`migrations:states.${row.state}`, { defaultValue: row.state }),
        cell: (row) => <Standing of={row} />,
        width: "minmax(130px, 0.8fr)",
        card: "side",
      },
      {
        id: "applied",
        title: t("migrations:at"),
        value: (row) => row.applied_at,
        cell: (row) => <Time at={row.applied_at} />,
        width: "130px",
        card: "line",
      },
      {
        id: "reversible",
        title: t("migrations:wayBack"),
        value: (row) => (row.reversible ? t("migrations:yes") : t("migrations:no")),
        width: "110px",
      },
      { id: "by", title: t("migrations:by"), value: (row) => row.applied_by, spare: true },
    ],
    [t],
  );
}

function Standing({ of }: { of: StandingOut }) {
  const { t } = useTranslation();
  return (
    <span className="inline-flex min-w-0 gap-1">
      <Badge tone={TONES[of.state] ?? "plain"}>
        {t(`migrations:states.${of.state}`, { defaultValue: of.state })}
        {of.state === "partial" && ` · ${of.done ?? 0}`}
      </Badge>
      {of.out_of_order && <Badge tone="warn">{t("migrations:late")}</Badge>}
    </span>
  );
}

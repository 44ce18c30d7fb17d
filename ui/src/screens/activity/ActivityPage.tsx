import { ScrollText } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type ActivityOut, activityList } from "@/api";
import { PageHead, PageTabs } from "@/parts/Page";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { RunTable } from "./RunTable";

export default function ActivityPage() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  return (
    <div className="flex h-full flex-col">
      <PageHead title={t("activity:title")} />
      <PageTabs
        label={t("activity:title")}
        tabs={[
          ...(can("run.read")
            ? [
                {
                  id: "runs",
                  title: t("activity:runs"),
                  body: <RunTable filter={filter} waits={isLoading} />,
                  full: true,
                },
              ]
            : []),
          { id: "feed", title: t("activity:feed"), body: <Feed />, full: true },
        ]}
      />
    </div>
  );
}

/** What was done, by whom, to what; whoever may not read the audit log sees what they did themselves. */
function Feed() {
  const { t } = useTranslation();
  const can = useCan();
  const { filter, isLoading } = useScope();
  const mine = !can("audit.read");
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
      { id: "actor", title: t("activity:by"), value: (row) => row.actor_name, card: "line" },
      {
        id: "at",
        title: t("activity:when"),
        value: (row) => row.at,
        cell: (row) => <Time at={row.at} />,
        width: "130px",
        card: "line",
      },
      { id: "action", title: t("activity:action"), value: (row) => row.action, spare: true },
      { id: "seq", title: t("activity:place"), value: (row) => row.seq, numeric: true, width: "80px", spare: true },
    ],
    [t],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "outcome",
        title: t("activity:outcome"),
        options: ["ok", "denied", "failed"].map((value) => ({ value, label: t(`activity:outcomes.${value}`) })),
      },
      {
        id: "about",
        title: t("activity:about"),
        options: ["database", "snapshot", "repository", "plan", "session", "key", "user", "role", "secret"].map(
          (value) => ({ value, label: t(`activity:nouns.${value}`) }),
        ),
      },
    ],
    [t],
  );
  const source = useMemo<Source<ActivityOut>>(
    () => ({
      key: ["activity", "list", filter, mine],
      waits: isLoading,
      page: ({ q, filters, limit, cursor, signal }) =>
        data(
          activityList({
            query: {
              ...filter,
              mine,
              limit,
              cursor,
              ...(q && { text: q }),
              ...(filters.outcome && { outcome: filters.outcome[0] as "ok" }),
              ...(filters.about && { action: filters.about[0] }),
            },
            signal,
          }),
        ),
    }),
    [filter, mine, isLoading],
  );
  return (
    <DataTable
      id="activity"
      label={t("activity:feed")}
      source={source}
      columns={columns}
      filters={filters}
      rowId={(row) => String(row.seq)}
      searchHint={t("activity:find")}
      empty={{ icon: <ScrollText />, title: t("activity:nothing") }}
    />
  );
}

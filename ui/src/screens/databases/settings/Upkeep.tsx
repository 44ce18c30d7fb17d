import { useMutation, useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ChoreOut, choreList, choreRun, type DatabaseOut, type RunOut, runsList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Input } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { RunState } from "@/parts/RunState";
import { Badge, Skeleton, Time } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";

/** What can be done for it, who waits meanwhile, and when it was done last. */
export function Upkeep({ database }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const path = { database_id: database.id };
  const {
    data: chores,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", database.id, "chores"],
    queryFn: async () => (await data(choreList({ path }))).items,
  });
  const { data: runs } = useQuery({
    queryKey: ["runs", "chores", database.id],
    queryFn: async () =>
      (await data(runsList({ query: { resource_id: database.id, kind: ["database.maintain"], limit: 100 } }))).items,
    enabled: can("run.read"),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Section title={t("dbsettings:upkeep")}>
      {!chores && <Skeleton className="h-24" />}
      <ul className="max-w-3xl">
        {chores?.map((chore) => (
          <Row
            key={chore.name}
            chore={chore}
            database={database}
            last={runs?.find(({ input }) => input.chore === chore.name)}
          />
        ))}
      </ul>
    </Section>
  );
}

function Row({ chore, database, last }: { chore: ChoreOut; database: DatabaseOut; last: RunOut | undefined }) {
  const { t } = useTranslation();
  const can = useCan();
  const begun = useBegun("databases");
  const [target, setTarget] = useState("");
  const run = useMutation({
    mutationFn: () =>
      data(
        choreRun({
          path: { database_id: database.id, name: chore.name },
          body: { target: target.trim() || null },
        }),
      ),
    networkMode: "always",
    onSuccess: begun,
  });
  const able = can("database.maintain") && database.state === "ready";
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t py-3 first:border-t-0">
      <div className="min-w-56 flex-1">
        <p className="flex flex-wrap items-center gap-1.5 font-medium">
          {chore.title}
          {chore.copies && <Badge tone="warn">{t("dbsettings:needsDisk")}</Badge>}
        </p>
        <p className="text-muted text-xs">{t("dbsettings:waits", { who: chore.blocks })}</p>
        <p className="mt-0.5 flex items-center gap-1.5 text-muted text-xs">
          {last ? (
            <>
              <RunState state={last.state} />
              <A to={`/runs/${last.id}`} className="hover:text-text hover:underline">
                <Time at={last.finished_at ?? last.requested_at} />
              </A>
            </>
          ) : (
            t("dbsettings:neverDone")
          )}
        </p>
      </div>
      {able && (
        <div className="flex items-center gap-2">
          {chore.targets && (
            <Input
              aria-label={t("dbsettings:target", { chore: chore.title })}
              placeholder={t("dbsettings:allTables")}
              spellCheck={false}
              className="w-40 font-mono text-xs"
              value={target}
              onChange={(event) => setTarget(event.target.value)}
            />
          )}
          <Button
            icon={<Play />}
            busy={run.isPending}
            aria-label={t("dbsettings:runOne", { chore: chore.title })}
            onClick={() => run.mutate()}
          >
            {t("dbsettings:run")}
          </Button>
        </div>
      )}
    </li>
  );
}

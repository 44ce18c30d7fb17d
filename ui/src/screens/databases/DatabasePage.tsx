import { useMutation, useQuery } from "@tanstack/react-query";
import { Archive, Copy, Ellipsis, Play, Square, Trash2 } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseGet, databaseStart, databaseStop, snapshotCreate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { PageHead, PageTabs, useAskedTab } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { useId } from "@/shell/address";
import { data, once } from "@/shell/api";
import { useOffer } from "@/shell/paletteActs";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { ConfirmDelete } from "./ConfirmDelete";
import { useEngines } from "./engines";
import { TABS } from "./tabs";
import { DatabaseState, Dot } from "./words";

const CloneDialog = lazy(() => import("./clone/CloneDialog"));

export default function DatabasePage() {
  const { t } = useTranslation();
  const id = useId();
  const can = useCan();
  const asked = useAskedTab(TABS);
  const { environments } = useScope();
  const { data: engines, isPending } = useEngines();
  const {
    data: database,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", id],
    queryFn: () => data(databaseGet({ path: { database_id: id } })),
  });
  if (error && !database) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const engine = engines?.find(({ name }) => name === database?.engine);
  const place = environments.find((each) => each.id === database?.environment_id)?.name;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={database?.name ?? "…"}
        back={{ to: "/databases", title: t("databases:title") }}
        state={
          database && (
            <>
              <Dot colour={database.colour} />
              <DatabaseState state={database.state} />
            </>
          )
        }
        lead={database ? [engine?.title ?? database.engine, place].filter(Boolean).join(" · ") : "\u00a0"}
      >
        {database && <Verbs database={database} />}
      </PageHead>
      <PageTabs
        label={t("databases:one")}
        tabs={
          database && !isPending
            ? TABS.filter((tab) => tab.shown({ database, engine, can })).map(({ id, title, full, Body }) => ({
                id,
                title: t(title),
                full: full ?? false,
                body: (
                  <Suspense fallback={<Waiting />}>
                    <Body database={database} engine={engine} />
                  </Suspense>
                ),
              }))
            : [{ id: asked.id, title: t(asked.title), body: <Waiting /> }]
        }
      />
    </div>
  );
}

function Verbs({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [deleting, setDeleting] = useState(false);
  const [cloning, setCloning] = useState(false);
  const path = { database_id: database.id };
  const begun = useBegun("databases");
  const snapshot = useMutation({
    mutationFn: () => data(snapshotCreate({ path, body: {}, headers: once() })),
    meta: { title: `${t("databases:snapshot")}: ${database.name}` },
    onSuccess: begun,
  });
  const start = useMutation({
    mutationFn: () => data(databaseStart({ path })),
    networkMode: "always",
    onSuccess: begun,
  });
  const stop = useMutation({ mutationFn: () => data(databaseStop({ path })), networkMode: "always", onSuccess: begun });
  const able = can("snapshot.create") && database.state === "ready";
  const canClone = can("database.clone") && database.state === "ready";
  const { mutate } = snapshot;
  useOffer(
    useMemo(
      () => [
        ...(able
          ? [{ id: "db.snapshot", title: t("databases:snapshot"), icon: <Archive />, run: () => mutate() }]
          : []),
        ...(canClone
          ? [{ id: "db.clone", title: t("databases:cloneVerb"), icon: <Copy />, run: () => setCloning(true) }]
          : []),
      ],
      [able, canClone, t, mutate],
    ),
  );
  const canStart = can("database.start") && database.state === "stopped";
  const canStop = can("database.stop") && database.state === "ready" && database.host === "process";
  const canDelete = can("database.delete") && database.state !== "deleted";
  return (
    <>
      {able && (
        <Button look="primary" icon={<Archive />} busy={snapshot.isPending} onClick={() => mutate()}>
          {t("databases:snapshot")}
        </Button>
      )}
      {(canStart || canStop || canDelete || canClone) && (
        <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          {canClone && (
            <Item icon={<Copy />} onSelect={() => setCloning(true)}>
              {t("databases:cloneVerb")}
            </Item>
          )}
          {canStart && (
            <Item icon={<Play />} onSelect={() => start.mutate()}>
              {t("databases:start")}
            </Item>
          )}
          {canStop && (
            <Item icon={<Square />} onSelect={() => stop.mutate()}>
              {t("databases:stop")}
            </Item>
          )}
          {canDelete && (canStart || canStop || canClone) && <Line />}
          {canDelete && (
            <Item icon={<Trash2 />} danger onSelect={() => setDeleting(true)}>
              {t("databases:delete")}
            </Item>
          )}
        </Menu>
      )}
      <ConfirmDelete database={database} open={deleting} onOpenChange={setDeleting} />
      {cloning && (
        <Suspense>
          <CloneDialog database={database} onClose={() => setCloning(false)} />
        </Suspense>
      )}
    </>
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-8 w-full max-w-xl" />
      <Skeleton className="h-8 w-full max-w-xl" />
    </div>
  );
}

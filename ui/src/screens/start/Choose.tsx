import { useMutation, useQuery } from "@tanstack/react-query";
import { Database, Plus, Store } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, type EngineOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { offer } from "../databases/create/refusals";
import { useEngines } from "../databases/engines";
import { RunWatch } from "./RunWatch";
import type { StepProps } from "./StartPage";
import { fill, isSample, placeFor, sample } from "./sample";

const CreateWizard = lazy(() => import("../databases/create/CreateWizard"));
const SHOWN = 5;

export function Choose({ of, move }: StepProps) {
  return of.database && of.run && !of.own ? <Making of={of} move={move} /> : <Ways of={of} move={move} />;
}

/** The sample's own run, then its rows: asked for again after a reload, they change nothing. */
function Making({ of, move }: StepProps) {
  const { t } = useTranslation();
  const rows = useMutation({
    mutationFn: () => fill(of.database),
    meta: { quiet: true },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["databases"] });
      move({ step: "snapshot", run: undefined });
    },
  });
  return (
    <>
      <RunWatch
        id={of.run}
        label={t("start:choose.making")}
        onDone={() => rows.mutate()}
        onAgain={() => move({ database: undefined, run: undefined })}
      />
      {rows.isPending && <p className="text-muted">{t("start:choose.filling")}</p>}
      {rows.error && (
        <>
          <ErrorText error={asError(rows.error)} />
          <div>
            <Button onClick={() => rows.mutate()}>{t("shell:retry")}</Button>
          </div>
        </>
      )}
    </>
  );
}

/** There at once: the guide is about the snapshot. */
function needsNoServer({ capabilities: { hosts } }: EngineOut): boolean {
  return Array.isArray(hosts) && hosts.includes("embedded");
}

function Ways({ move }: StepProps) {
  const { t } = useTranslation();
  const { environments, project, filter, isLoading } = useScope();
  const { data: engines } = useEngines();
  const [wanted, setWanted] = useState("");
  const [creating, setCreating] = useState(false);
  const some = engines?.filter((each) => offer(each) && each.capabilities.language === "sql") ?? [];
  const engine = some.find(({ name }) => name === wanted) ?? some.find(needsNoServer) ?? some[0];
  const place = placeFor(environments);
  const { data: own } = useQuery({
    queryKey: ["databases", "start", filter],
    enabled: !isLoading && project !== null,
    queryFn: async ({ signal }) =>
      (await data(databaseList({ query: { ...filter, state: ["ready"], limit: 20 }, signal }))).items
        .filter((each) => !isSample(each))
        .slice(0, SHOWN),
  });
  const make = useMutation({
    mutationFn: async () => {
      const made = await sample(engine?.name ?? "", place?.id ?? "");
      if (!made.run) await fill(made.id);
      return made;
    },
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ id, run }) => move(run ? { database: id, run } : { database: id, step: "snapshot" }),
  });
  if (isLoading || !engines) return <Skeleton className="h-28 w-full" />;
  return (
    <>
      <div className="grid gap-3 rounded-lg border p-4">
        <h3 className="flex items-center gap-2 font-medium">
          <Store className="size-4 text-accent-text" aria-hidden />
          {t("start:choose.sample")}
        </h3>
        <p className="text-muted">{t("start:choose.sampleLead", { place: place?.name ?? "–" })}</p>
        <div className="flex flex-wrap items-center gap-3">
          <Button look="primary" disabled={!engine || !place} busy={make.isPending} onClick={() => make.mutate()}>
            {t("start:choose.take")}
          </Button>
          {some.length > 1 && (
            <Segments
              label={t("databases:engine")}
              value={engine?.name ?? ""}
              options={some.map(({ name, title }) => ({ value: name, label: title }))}
              onChange={setWanted}
            />
          )}
        </div>
        {make.error && <ErrorText error={asError(make.error)} />}
      </div>
      <div className="grid gap-3 rounded-lg border p-4">
        <h3 className="flex items-center gap-2 font-medium">
          <Database className="size-4 text-muted" aria-hidden />
          {t("start:choose.own")}
        </h3>
        <p className="text-muted">{t("start:choose.ownWay")}</p>
        <div className="flex flex-wrap gap-2">
          {own?.map(({ id, name }) => (
            <Button key={id} onClick={() => move({ own: "1", database: id, step: "snapshot", run: undefined })}>
              <span className="max-w-40 truncate">{name}</span>
            </Button>
          ))}
          <Button icon={<Plus />} onClick={() => setCreating(true)}>
            {t("databases:new")}
          </Button>
        </div>
      </div>
      {creating && (
        <Suspense>
          <CreateWizard onClose={() => setCreating(false)} />
        </Suspense>
      )}
    </>
  );
}

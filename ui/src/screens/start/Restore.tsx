import { useQuery } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseGet, type RestoreRunOut, restorePreview, snapshotRestore } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { Size, Skeleton, Time } from "@/parts/small";
import { lasted } from "@/parts/text";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { RunWatch } from "./RunWatch";
import type { StepProps } from "./StartPage";

const MOST = 45; // letters of its name, so that the copy's fits too

/** In place for the sample, whose damage is then seen to be undone; beside for one's own, which stays as it is. */
export function Restore({ of, move }: StepProps) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [beside, setBeside] = useState(of.own);
  const [suffix] = useState(() => crypto.randomUUID().slice(0, 4));
  const path = { snapshot_id: of.snapshot };
  const mode = beside ? ("new" as const) : ("in_place" as const);
  const { data: database } = useQuery({
    queryKey: ["databases", of.database],
    queryFn: () => data(databaseGet({ path: { database_id: of.database } })),
  });
  const name = beside ? database && `${database.name.slice(0, MOST)}-restored-${suffix}` : database?.name;
  const {
    data: outlook,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", of.snapshot, "preview", mode, name],
    enabled: !of.run && (!beside || name !== undefined),
    queryFn: () => data(restorePreview({ path, body: beside ? { mode, name: name ?? null } : { mode } })),
  });
  if (of.run)
    return (
      <RunWatch
        id={of.run}
        label={t("start:restore.restoring")}
        onDone={() => {
          for (const noun of ["databases", "snapshots", "overview"])
            void queries.invalidateQueries({ queryKey: [noun] });
          move({ step: "rows", run: undefined });
        }}
        onAgain={() => move({ run: undefined, target: undefined })}
      />
    );
  if (error && !outlook) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!outlook || !name) return <Skeleton className="h-24 w-full" />;
  const began = ({ resource, run }: RestoreRunOut) => move({ target: resource.id, run: run.id });
  const restore = async () =>
    began(
      await data(
        snapshotRestore({
          path,
          headers: once(),
          body: beside ? { mode, name } : { mode, confirm: outlook.confirm, safety: true },
        }),
      ),
    );
  const blocked = outlook.blockers.length > 0;
  return (
    <div className="grid gap-4">
      <Facts
        facts={[
          [t("start:restore.from"), <Time key="at" at={outlook.snapshot.taken_at} />],
          [t("start:restore.into"), `${name} · ${outlook.environment}`],
          [t("start:restore.size"), <Size key="size" of={outlook.bytes} />],
          [t("start:restore.takes"), outlook.seconds === null ? "–" : lasted(outlook.seconds)],
        ]}
      />
      <ul className="grid gap-1.5">
        {[...outlook.blockers.map(({ message }) => String(message)), ...outlook.warnings].map((each, at) => (
          <li key={each} className="flex items-start gap-2 text-muted text-xs">
            <TriangleAlert
              className={`mt-px size-3.5 shrink-0 ${at < outlook.blockers.length ? "text-bad" : "text-warn"}`}
              aria-hidden
            />
            {each}
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" disabled={blocked} onClick={() => setAsking(true)}>
          {t("start:restore.verb")}
        </Button>
        {blocked && !beside && <Button onClick={() => setBeside(true)}>{t("start:restore.beside")}</Button>}
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        danger={!beside}
        title={t("start:restore.ask", { name })}
        lead={t(beside ? "start:restore.askNew" : "start:restore.askInPlace")}
        verb={t("start:restore.verb")}
        name={beside ? undefined : (outlook.confirm ?? undefined)}
        act={restore}
      />
    </div>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { Hammer } from "lucide-react";
import { useTranslation } from "react-i18next";
import { databaseGet, databaseQuery } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText, sentence } from "@/parts/ErrorPanel";
import { Badge, Skeleton } from "@/parts/small";
import { count } from "@/parts/text";
import { asError, data } from "@/shell/api";
import { RunQuery, useCounted } from "./counted";
import type { StepProps } from "./StartPage";
import { isSample, TABLE } from "./sample";

/** Drops a table, of the sample only: what an address names is looked at before anything is done to it. */
export function Break({ of, move }: StepProps) {
  const { t } = useTranslation();
  const path = { database_id: of.database };
  const {
    data: database,
    error,
    refetch,
  } = useQuery({ queryKey: ["databases", of.database], queryFn: () => data(databaseGet({ path })) });
  const counted = useCounted(of.database);
  const drop = useMutation({
    mutationFn: () => data(databaseQuery({ path, body: { statement: `DROP TABLE ${TABLE}`, write: true } })),
    networkMode: "always",
    meta: { quiet: true },
    onSettled: () => counted.refetch(),
  });
  if (error && !database) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!database || counted.isPending) return <Skeleton className="h-20 w-full" />;
  if (!isSample(database)) return <p className="text-bad">{t("start:break.notSample", { name: database.name })}</p>;
  const gone = counted.error !== null;
  return (
    <div className="grid gap-3">
      <RunQuery
        statement={counted.statement}
        tone={gone ? "bad" : "good"}
        said={
          counted.error
            ? sentence(asError(counted.error).message)
            : t("start:rowsOf", { count: counted.rows, shown: count(counted.rows) })
        }
      />
      {gone ? (
        <div className="flex flex-wrap items-center gap-3">
          <Button look="primary" onClick={() => move({ step: "restore", run: undefined })}>
            {t("start:break.next")}
          </Button>
        </div>
      ) : (
        <div className="flex flex-wrap items-center gap-3">
          <Button look="danger" icon={<Hammer />} busy={drop.isPending} onClick={() => drop.mutate()}>
            {t("start:break.drop", { table: TABLE })}
          </Button>
          <Badge tone="warn">{t("start:break.only", { name: database.name })}</Badge>
        </div>
      )}
      {drop.error && <ErrorText error={asError(drop.error)} />}
    </div>
  );
}

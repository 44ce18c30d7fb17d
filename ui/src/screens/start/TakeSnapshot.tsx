import { useMutation, useQuery } from "@tanstack/react-query";
import { Archive } from "lucide-react";
import { useTranslation } from "react-i18next";
import { databaseGet, snapshotCreate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { asError, data, once } from "@/shell/api";
import { RunWatch } from "./RunWatch";
import type { StepProps } from "./StartPage";
import { steps } from "./steps";

/** The first one is read back, restored and compared: that is what "proven" is seen to mean. */
export function TakeSnapshot({ of, move }: StepProps) {
  const { t } = useTranslation();
  const path = { database_id: of.database };
  const {
    data: database,
    error,
    refetch,
  } = useQuery({ queryKey: ["databases", of.database], queryFn: () => data(databaseGet({ path })) });
  const take = useMutation({
    mutationFn: () => data(snapshotCreate({ path, body: { level: 3 }, headers: once() })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: ({ snapshot, run }) => move({ snapshot: snapshot.id, run: run.id }),
  });
  if (error && !database) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!database) return <Skeleton className="h-9 w-48" />;
  const after = steps(of.own)[2] ?? "restore";
  if (of.run)
    return (
      <RunWatch
        id={of.run}
        label={t("start:snapshot.taking", { name: database.name })}
        onDone={() => move({ step: after, run: undefined })}
        onAgain={() => move({ snapshot: undefined, run: undefined })}
      />
    );
  return (
    <div className="grid gap-3">
      <div>
        <Button look="primary" icon={<Archive />} busy={take.isPending} onClick={() => take.mutate()}>
          {t("start:snapshot.take", { name: database.name })}
        </Button>
      </div>
      {take.error && <ErrorText error={asError(take.error)} />}
    </div>
  );
}

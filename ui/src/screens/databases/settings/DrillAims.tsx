import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type AimsOut, type DatabaseOut, drillAimsRead, drillAimsSet, type QuestionIn } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";

const minutes = (seconds: number | null) => (seconds === null ? "" : String(Math.round(seconds / 60)));
const seconds = (typed: string) => (typed.trim() === "" ? null : Number(typed) * 60);

/** How long bringing it back may take, and how old what comes back may be. A drill that misses them fails. */
export function DrillAims({ database }: { database: DatabaseOut }) {
  const {
    data: aims,
    error,
    refetch,
  } = useQuery({
    queryKey: ["drills", "aims", database.id],
    queryFn: () => data(drillAimsRead({ path: { database_id: database.id } })),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return aims ? <Aims key={aims.version} database={database} aims={aims} /> : null;
}

function Aims({ database, aims }: { database: DatabaseOut; aims: AimsOut }) {
  const { t } = useTranslation();
  const able = useCan()("drill.write");
  const [rto, setRto] = useState(minutes(aims.rto_seconds));
  const [rpo, setRpo] = useState(minutes(aims.rpo_seconds));
  const save = useMutation({
    mutationFn: () =>
      data(
        drillAimsSet({
          path: { database_id: database.id },
          headers: { "If-Match": `"v${aims.version}"` },
          body: {
            checks: aims.checks as unknown as QuestionIn[],
            rto_seconds: seconds(rto),
            rpo_seconds: seconds(rpo),
          },
        }),
      ),
    meta: { quiet: true },
    onSuccess: (after) => {
      queries.setQueryData(["drills", "aims", database.id], after);
      toast.good(t("dbsettings:saved"));
    },
  });
  const error = save.error ? asError(save.error) : null;
  const changed = rto !== minutes(aims.rto_seconds) || rpo !== minutes(aims.rpo_seconds);
  return (
    <Section title={t("dbsettings:aims")}>
      <div className="grid max-w-xl gap-4">
        <p className="text-muted">{t("dbsettings:aimsLead")}</p>
        <fieldset disabled={!able} className="grid gap-3 sm:grid-cols-2">
          <Field label={t("dbsettings:rto")} error={error?.fields.rto_seconds}>
            {(given) => <Input {...given} inputMode="numeric" value={rto} onChange={(e) => setRto(e.target.value)} />}
          </Field>
          <Field label={t("dbsettings:rpo")} error={error?.fields.rpo_seconds}>
            {(given) => <Input {...given} inputMode="numeric" value={rpo} onChange={(e) => setRpo(e.target.value)} />}
          </Field>
        </fieldset>
        {error && <ErrorText error={error} />}
        {able && (
          <div>
            <Button disabled={!changed} busy={save.isPending} onClick={() => save.mutate()}>
              {t("shell:save")}
            </Button>
          </div>
        )}
      </div>
    </Section>
  );
}

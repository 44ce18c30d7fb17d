import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, drillStart } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { AimsSheet } from "./AimsSheet";

/** Which database is rehearsed; its newest good snapshot comes back beside everything. */
export function StartDrill({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const { filter } = useScope();
  const [database, setDatabase] = useState("");
  const [aiming, setAiming] = useState(false);
  const [key, setKey] = useState(once);
  const { data: databases } = useQuery({
    queryKey: ["databases", "all", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
  });
  const start = useMutation({
    mutationFn: () => data(drillStart({ path: { database_id: database }, body: {}, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()),
    onSuccess: ({ drill }) => {
      void queries.invalidateQueries({ queryKey: ["drills"] });
      onClose();
      go(`/snapshots/drills/${drill.id}`);
    },
  });
  const chosen = databases?.find(({ id }) => id === database);
  if (aiming && chosen) return <AimsSheet database={chosen} onClose={() => setAiming(false)} />;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("drills:new")}
      lead={t("drills:newLead")}
      foot={
        <>
          {chosen && can("drill.write") && (
            <Button look="quiet" onClick={() => setAiming(true)}>
              {t("drills:aims")}
            </Button>
          )}
          <span className="flex-1" />
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="drill-form" disabled={!database} busy={start.isPending}>
            {t("drills:start")}
          </Button>
        </>
      }
    >
      <form
        id="drill-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (database && !start.isPending) start.mutate();
        }}
      >
        <Field label={t("snapshots:database")}>
          {(given) => (
            <Select
              {...given}
              required
              autoFocus
              value={database}
              onChange={(event) => {
                start.reset();
                setDatabase(event.target.value);
              }}
            >
              <option value="">{t("dumps:choose")}</option>
              {databases?.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {start.error && <ErrorText error={asError(start.error)} />}
      </form>
    </Dialog>
  );
}

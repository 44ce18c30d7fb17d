import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, drillStart } from "@/api";
import { Button } from "@/parts/Button";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useGo } from "@/shell/address";
import { data, once } from "@/shell/api";
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
  const [key] = useState(once);
  const { data: databases } = useQuery({
    queryKey: ["databases", "all", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
  });
  async function start() {
    const { drill } = await data(drillStart({ path: { database_id: database }, body: {}, headers: key }));
    void queries.invalidateQueries({ queryKey: ["drills"] });
    go(`/snapshots/drills/${drill.id}`);
  }
  const chosen = databases?.find(({ id }) => id === database);
  if (aiming && chosen) return <AimsSheet database={chosen} onClose={() => setAiming(false)} />;
  return (
    <FormDialog
      title={t("drills:new")}
      lead={t("drills:newLead")}
      verb={t("drills:start")}
      able={database !== ""}
      aside={
        chosen &&
        can("drill.write") && (
          <Button look="quiet" onClick={() => setAiming(true)}>
            {t("drills:aims")}
          </Button>
        )
      }
      save={start}
      onClose={onClose}
    >
      <Field label={t("snapshots:database")}>
        {(given) => (
          <Select {...given} required autoFocus value={database} onChange={(event) => setDatabase(event.target.value)}>
            <option value="">{t("dumps:choose")}</option>
            {databases?.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </FormDialog>
  );
}

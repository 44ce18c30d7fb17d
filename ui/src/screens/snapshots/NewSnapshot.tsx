import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, snapshotCreate } from "@/api";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useBegun } from "@/parts/useBegun";
import { data, once } from "@/shell/api";
import { useScope } from "@/shell/scope";

/** Which database a snapshot is taken of; only one that runs can be read. */
export function NewSnapshot({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { filter } = useScope();
  const begun = useBegun("snapshots");
  const [database, setDatabase] = useState("");
  const [key] = useState(once);
  const { data: databases } = useQuery({
    queryKey: ["databases", "all", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
  });
  return (
    <FormDialog
      title={t("snapshots:new")}
      lead={t("snapshots:newLead")}
      verb={t("databases:snapshot")}
      able={database !== ""}
      save={async () => begun(await data(snapshotCreate({ path: { database_id: database }, body: {}, headers: key })))}
      onClose={onClose}
    >
      <Field label={t("snapshots:database")}>
        {(given) => (
          <Select {...given} required autoFocus value={database} onChange={(event) => setDatabase(event.target.value)}>
            <option value="">{t("dumps:choose")}</option>
            {databases
              ?.filter(({ state }) => state === "ready")
              .map((each) => (
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

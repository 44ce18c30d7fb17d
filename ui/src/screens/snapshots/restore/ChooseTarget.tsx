import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { environmentList, maskingProfileList, type SnapshotOut } from "@/api";
import { Button } from "@/parts/Button";
import { Field, Select } from "@/parts/Field";
import { NameField } from "@/parts/NameField";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { Options } from "../Options";
import { Foot } from "./Foot";
import { suggested, type Wish } from "./wish";

interface Props {
  snapshot: SnapshotOut;
  wish: Wish;
  go: (patch: Record<string, string | undefined>) => void;
}

/** A database of its own, which harms nothing, or the one it was taken of. */
export function ChooseTarget({ snapshot, wish, go }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const makes = can("database.create");
  const [mode, setMode] = useState(makes ? wish.mode : "in_place");
  const [name, setName] = useState(wish.name);
  const [place, setPlace] = useState(wish.environment);
  const [masking, setMasking] = useState(wish.masking);
  const isNew = mode === "new";
  const { data: environments } = useQuery({
    queryKey: ["projects", snapshot.project_id, "environments"],
    queryFn: async () =>
      (await data(environmentList({ path: { project_id: snapshot.project_id }, query: { limit: 200 } }))).items,
  });
  const { data: profiles } = useQuery({
    queryKey: ["masking_profiles", snapshot.project_id],
    queryFn: async () =>
      (await data(maskingProfileList({ path: { project_id: snapshot.project_id }, query: { limit: 200 } }))).items,
    enabled: can("masking.read"),
  });
  const fitting = profiles?.filter(({ engine }) => engine === snapshot.engine) ?? [];
  const own = environments?.find(({ id }) => id === snapshot.environment_id)?.name ?? "";
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        go({
          step: "check",
          mode: isNew ? undefined : "in_place",
          name: isNew && name.trim() !== suggested(snapshot.resource_name) ? name.trim() : undefined,
          place: isNew ? place : undefined,
          masking: isNew ? masking : undefined,
        });
      }}
    >
      <Options
        legend={t("restore:step.where")}
        begins
        value={mode}
        onChange={setMode}
        options={[
          {
            value: "new",
            title: t("restore:new"),
            lead: makes ? t("restore:newLead") : t("restore:newDenied"),
            disabled: !makes,
          },
          {
            value: "in_place",
            title: t("restore:inPlace", { name: snapshot.resource_name }),
            lead: t("restore:inPlaceLead"),
          },
        ]}
      />
      {isNew && (
        <div className="grid gap-3 sm:grid-cols-2">
          <NameField label={t("restore:name")} value={name} onChange={setName} />
          <Field label={t("shell:environment")}>
            {(given) => (
              <Select {...given} value={place} onChange={(event) => setPlace(event.target.value)}>
                <option value="">{t("restore:sameEnvironment", { name: own })}</option>
                {environments
                  ?.filter(({ id }) => id !== snapshot.environment_id)
                  .map((each) => (
                    <option key={each.id} value={each.id}>
                      {each.name}
                    </option>
                  ))}
              </Select>
            )}
          </Field>
          {(fitting.length > 0 || masking) && (
            <Field label={t("restore:masking")} hint={t("restore:maskingHint")}>
              {(given) => (
                <Select {...given} value={masking} onChange={(event) => setMasking(event.target.value)}>
                  <option value="">{t("restore:noMasking")}</option>
                  {fitting.map((each) => (
                    <option key={each.id} value={each.id}>
                      {each.name}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
        </div>
      )}
      {!isNew && wish.tables.length > 0 && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-warn">{t("restore:onlyThese")}</p>
      )}
      <Foot snapshot={snapshot.id} back={() => go({ step: undefined })}>
        <Button look="primary" type="submit" disabled={isNew && name.trim() === ""}>
          {t("restore:next")}
        </Button>
      </Foot>
    </form>
  );
}

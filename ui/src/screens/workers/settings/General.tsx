import { useTranslation } from "react-i18next";
import { Area, Field, Input, Select } from "@/parts/Field";
import { COLOURS } from "../../databases/settings/colours";
import { Labels } from "../../databases/settings/Labels";
import type { TabProps } from "../tabs";
import { WorkerForm } from "./WorkerForm";

/** Its name and what people note about it. Its host stays when the name changes. */
export function General({ worker }: TabProps) {
  const { t } = useTranslation();
  return (
    <WorkerForm
      worker={worker}
      title={t("workers:parts.general")}
      begin={({ name, description, colour, labels }) => ({ name, description, colour, labels })}
      end={(draft) => draft}
    >
      {(draft, set, wrong) => (
        <>
          <Field label={t("workers:name")} hint={t("workers:nameHint")} error={wrong.name ?? null}>
            {(given) => (
              <Input
                {...given}
                required
                maxLength={63}
                value={draft.name}
                onChange={(event) => set({ name: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("workers:description")} error={wrong.description ?? null}>
            {(given) => (
              <Area
                {...given}
                rows={3}
                maxLength={2000}
                value={draft.description}
                onChange={(event) => set({ description: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("dbsettings:colour")} error={wrong.colour ?? null}>
            {(given) => (
              <Select
                {...given}
                value={draft.colour ?? ""}
                onChange={(event) => set({ colour: event.target.value || null })}
              >
                <option value="">{t("dbsettings:noColour")}</option>
                {Object.keys(COLOURS).map((each) => (
                  <option key={each} value={each}>
                    {t(`dbsettings:colours.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Labels labels={draft.labels} onChange={(labels) => set({ labels })} error={wrong.labels} />
        </>
      )}
    </WorkerForm>
  );
}

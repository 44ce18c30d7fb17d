import { useTranslation } from "react-i18next";
import { Checkbox } from "@/parts/Checkbox";
import { Area, Field } from "@/parts/Field";
import type { TabProps } from "../tabs";
import { entries, lines } from "./lists";
import { WorkerForm } from "./WorkerForm";

const SWITCHES = ["read", "write", "environment", "subprocess"] as const;

/** What its code may do beyond computing: each is a switch of its own. */
export function Permits({ worker }: TabProps) {
  const { t } = useTranslation();
  return (
    <WorkerForm
      worker={worker}
      title={t("workers:parts.permits")}
      lead={t("workers:permitsLead")}
      begin={({ settings: { permits } }) => ({
        network: lines(permits?.network),
        read: permits?.read ?? false,
        write: permits?.write ?? true,
        environment: permits?.environment ?? true,
        subprocess: permits?.subprocess ?? false,
      })}
      end={({ network, ...switches }, { settings }) => ({
        settings: { ...settings, permits: { ...switches, network: entries(network) } },
      })}
    >
      {(draft, set, wrong) => (
        <>
          <Field
            label={t("workers:permits.network")}
            hint={t("workers:permits.networkHint")}
            error={Object.entries(wrong).find(([name]) => name.startsWith("settings.permits.network"))?.[1] ?? null}
          >
            {(given) => (
              <Area
                {...given}
                rows={4}
                spellCheck={false}
                className="font-mono"
                placeholder={"api.example.org\n*.example.com"}
                value={draft.network}
                onChange={(event) => set({ network: event.target.value })}
              />
            )}
          </Field>
          {SWITCHES.map((key) => (
            <Checkbox
              key={key}
              label={t(`workers:permits.${key}`)}
              hint={t(`workers:permits.${key}Hint`)}
              checked={draft[key]}
              onChange={(value) => set({ [key]: value })}
            />
          ))}
        </>
      )}
    </WorkerForm>
  );
}

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotThaw } from "@/api";
import { Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useBegun } from "@/parts/useBegun";
import { data } from "@/shell/api";

const TIERS = ["Bulk", "Standard", "Expedited"] as const;

/** Asks the store for what lies in its archive; hours later it can be read for some days. */
export function ThawDialog({ snapshot, onClose }: { snapshot: SnapshotOut; onClose: () => void }) {
  const { t } = useTranslation();
  const begun = useBegun("snapshots");
  const [days, setDays] = useState("7");
  const [tier, setTier] = useState<(typeof TIERS)[number]>("Standard");
  const path = { snapshot_id: snapshot.id };
  return (
    <FormDialog
      title={t("snapshots:thaw")}
      lead={t("snapshots:thawLead")}
      verb={t("snapshots:thawDo")}
      save={async () => begun(await data(snapshotThaw({ path, body: { days: Number(days), tier } })))}
      onClose={onClose}
    >
      <div className="grid grid-cols-2 gap-3">
        <Field label={t("snapshots:thawDays")}>
          {(given) => (
            <Input
              {...given}
              type="number"
              min={1}
              required
              value={days}
              onChange={(event) => setDays(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("snapshots:thawTier")}>
          {(given) => (
            <Select {...given} value={tier} onChange={(event) => setTier(event.target.value as typeof tier)}>
              {TIERS.map((each) => (
                <option key={each} value={each}>
                  {t(`snapshots:tiers.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
    </FormDialog>
  );
}

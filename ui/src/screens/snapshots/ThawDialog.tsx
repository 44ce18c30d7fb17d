import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotThaw } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { useBegun } from "@/parts/useBegun";
import { asError, data } from "@/shell/api";

const TIERS = ["Bulk", "Standard", "Expedited"] as const;

/** Asks the store for what lies in its archive; hours later it can be read for some days. */
export function ThawDialog({ snapshot, onClose }: { snapshot: SnapshotOut; onClose: () => void }) {
  const { t } = useTranslation();
  const begun = useBegun("snapshots");
  const [days, setDays] = useState("7");
  const [tier, setTier] = useState<(typeof TIERS)[number]>("Standard");
  const thaw = useMutation({
    mutationFn: () => data(snapshotThaw({ path: { snapshot_id: snapshot.id }, body: { days: Number(days), tier } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (made) => {
      begun(made);
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("snapshots:thaw")}
      lead={t("snapshots:thawLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="thaw-form" busy={thaw.isPending}>
            {t("snapshots:thawDo")}
          </Button>
        </>
      }
    >
      <form
        id="thaw-form"
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!thaw.isPending) thaw.mutate();
        }}
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
        {thaw.error && <ErrorText error={asError(thaw.error)} />}
      </form>
    </Dialog>
  );
}

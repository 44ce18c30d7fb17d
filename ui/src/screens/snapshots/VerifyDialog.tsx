import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotVerify } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { useBegun } from "@/parts/useBegun";
import { asError, data } from "@/shell/api";
import { Options } from "./Options";

const LEVELS = ["1", "2", "3"] as const;
type Level = (typeof LEVELS)[number];

/** How far it is proven: each level takes in the one below it and costs more. */
export function VerifyDialog({ snapshot, onClose }: { snapshot: SnapshotOut; onClose: () => void }) {
  const { t } = useTranslation();
  const begun = useBegun("snapshots");
  const [level, setLevel] = useState<Level>(LEVELS[Math.max(1, Math.min(3, snapshot.wanted_level)) - 1] ?? "1");
  const verify = useMutation({
    mutationFn: () =>
      data(snapshotVerify({ path: { snapshot_id: snapshot.id }, body: { level: Number(level) as 1 | 2 | 3 } })),
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
      title={t("snapshots:verify")}
      lead={t("snapshots:verifyLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="verify-form" busy={verify.isPending}>
            {t("snapshots:verifyDo")}
          </Button>
        </>
      }
    >
      <form
        id="verify-form"
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!verify.isPending) verify.mutate();
        }}
      >
        <Options
          legend={t("snapshots:verification")}
          begins
          value={level}
          onChange={setLevel}
          options={LEVELS.map((each) => ({
            value: each,
            title: t(`snapshots:levels.${each}`),
            lead: t(`snapshots:levelLead.${each}`),
          }))}
        />
        {verify.error && <ErrorText error={asError(verify.error)} />}
      </form>
    </Dialog>
  );
}

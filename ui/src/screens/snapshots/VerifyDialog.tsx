import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotVerify } from "@/api";
import { FormDialog } from "@/parts/FormDialog";
import { useBegun } from "@/parts/useBegun";
import { data } from "@/shell/api";
import { Options } from "./Options";

const LEVELS = ["1", "2", "3"] as const;
type Level = (typeof LEVELS)[number];

/** How far it is proven: each level takes in the one below it and costs more. */
export function VerifyDialog({ snapshot, onClose }: { snapshot: SnapshotOut; onClose: () => void }) {
  const { t } = useTranslation();
  const begun = useBegun("snapshots");
  const [level, setLevel] = useState<Level>(LEVELS[Math.max(1, Math.min(3, snapshot.wanted_level)) - 1] ?? "1");
  const asked = { path: { snapshot_id: snapshot.id }, body: { level: Number(level) as 1 | 2 | 3 } };
  return (
    <FormDialog
      title={t("snapshots:verify")}
      lead={t("snapshots:verifyLead")}
      verb={t("snapshots:verifyDo")}
      save={async () => begun(await data(snapshotVerify(asked)))}
      onClose={onClose}
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
    </FormDialog>
  );
}

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { workerDeploy } from "@/api";
import { Checkbox } from "@/parts/Checkbox";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data, once } from "@/shell/api";
import { toast } from "@/shell/toasts";
import { versionName } from "../listed";
import type { TabProps } from "../tabs";
import { useStanding, useVersionName, type VersionOut } from "../useVersions";
import { stale } from "../useWorker";
import { rollout } from "./rollout";

interface Props extends TabProps {
  version: VersionOut;
  onClose: () => void;
}

/** All requests to a version, or a part of them while the others keep the rest. */
export function DeployDialog({ worker, version, onClose }: Props) {
  const { t } = useTranslation();
  const named = useVersionName(worker.id);
  const { data: standing } = useStanding(worker.id);
  const [draft, setDraft] = useState({ weight: 100, message: "", missing: false, findings: false, untried: false });
  const [key] = useState(once);
  const set = (patch: Partial<typeof draft>) => setDraft((before) => ({ ...before, ...patch }));
  const now = (standing?.deployed ?? []).map(({ version_id, weight }) => ({ id: version_id, weight }));
  const shares = rollout(now, version.id, draft.weight);
  const alone = !now.some(({ id }) => id !== version.id);
  return (
    <FormDialog
      title={t("workers:deployTitle", { version: versionName(version) })}
      verb={t("workers:deploy")}
      able={standing !== undefined}
      onClose={onClose}
      save={async () => {
        await data(
          workerDeploy({
            path: { worker_id: worker.id },
            headers: key,
            body: {
              versions: shares,
              message: draft.message,
              create_missing: draft.missing,
              accept_findings: draft.findings,
              skip_check: draft.untried,
            },
          }),
        );
        stale(worker.id);
        toast.good(t("workers:deployedNow", { version: versionName(version) }));
      }}
    >
      {!alone && (
        <Field label={t("workers:weight", { weight: draft.weight })} hint={t("workers:weightHint")}>
          {(given) => (
            <input
              {...given}
              type="range"
              min={1}
              max={100}
              value={draft.weight}
              className="w-full accent-accent"
              onChange={(event) => set({ weight: Number(event.target.value) })}
            />
          )}
        </Field>
      )}
      <ul aria-label={t("workers:share")} className="grid gap-1 text-xs">
        {shares.map((each) => (
          <li key={each.id} className="flex items-center gap-3">
            <span className="w-28 truncate">{each.id === version.id ? versionName(version) : named(each.id)}</span>
            <span className="h-2 flex-1 overflow-hidden rounded-full bg-sunken" aria-hidden>
              <span className="block h-full bg-accent" style={{ width: `${each.weight}%` }} />
            </span>
            <span className="w-10 text-right tabular-nums">{each.weight} %</span>
          </li>
        ))}
      </ul>
      <Field label={t("workers:message")} aside={t("workers:optional")}>
        {(given) => (
          <Input
            {...given}
            maxLength={2000}
            value={draft.message}
            onChange={(event) => set({ message: event.target.value })}
          />
        )}
      </Field>
      <Checkbox
        checked={draft.missing}
        label={t("workers:createMissing")}
        hint={t("workers:createMissingLead")}
        onChange={(missing) => set({ missing })}
      />
      <Checkbox
        checked={draft.findings}
        label={t("workers:acceptFindings")}
        hint={t("workers:acceptFindingsLead")}
        onChange={(findings) => set({ findings })}
      />
      <Checkbox
        checked={draft.untried}
        label={t("workers:skipCheck")}
        hint={t("workers:skipCheckLead")}
        onChange={(untried) => set({ untried })}
      />
    </FormDialog>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type RepositoryOut,
  repositoryAdoptAgain,
  repositoryCheck,
  repositoryCopy,
  repositoryGc,
  repositoryList,
  repositoryRepair,
  repositoryRotate,
  repositoryUsage,
} from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Field, Select } from "@/parts/Field";
import { bytes } from "@/parts/text";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { EnvironmentField } from "./AdoptRepository";
import { Plain, TaskSheet } from "./TaskSheet";

interface Props {
  repository: RepositoryOut;
  onClose: () => void;
}

const HOWS = ["structure", "sample", "all"] as const;

export function CheckSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const [how, setHow] = useState<(typeof HOWS)[number]>("sample");
  const body = how === "all" ? { read_data: true } : how === "sample" ? { subset: "10%" } : {};
  return (
    <TaskSheet
      title={t("repositories:checkMore")}
      verb={t("repositories:check")}
      begin={() => data(repositoryCheck({ path: { repository_id: repository.id }, body }))}
      onClose={onClose}
    >
      <Field label={t("repositories:method")} hint={t(`repositories:howHints.${how}`)}>
        {(control) => (
          <Select {...control} value={how} onChange={(event) => setHow(event.target.value as typeof how)}>
            {HOWS.map((each) => (
              <option key={each} value={each}>
                {t(`repositories:hows.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </TaskSheet>
  );
}

export function UsageSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <TaskSheet
      title={t("repositories:usage")}
      lead={t("repositories:usageLead")}
      verb={t("repositories:usage")}
      begin={() => data(repositoryUsage({ path: { repository_id: repository.id } }))}
      outcome={({ result }) => (
        <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1">
          {[
            [t("repositories:size"), result?.bytes],
            [t("repositories:referenced"), result?.referenced_bytes],
            [t("repositories:unreferenced"), result?.unreferenced_bytes],
          ].map(([name, value]) => (
            <div key={String(name)} className="contents">
              <dt className="text-muted">{String(name)}</dt>
              <dd className="figures text-right">{bytes(Number(value ?? 0))}</dd>
            </div>
          ))}
        </dl>
      )}
      onClose={onClose}
    />
  );
}

/** First what would go; then, if one likes, it goes. */
export function GcSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const [dry, setDry] = useState(true);
  return (
    <TaskSheet
      title={t("repositories:gc")}
      lead={t("repositories:gcLead")}
      verb={t(dry ? "repositories:dryRun" : "repositories:gc")}
      begin={() => data(repositoryGc({ path: { repository_id: repository.id }, body: { dry_run: dry } }))}
      outcome={(run, again) => (
        <div className="grid justify-items-start gap-3">
          <p className="font-medium">
            {t(run.input.dry_run ? "repositories:wasDry" : "repositories:wasDone", {
              size: bytes(Number(run.result?.[run.input.dry_run ? "free_bytes" : "freed_bytes"] ?? 0)),
            })}
          </p>
          <Plain result={run.result ?? {}} />
          {run.input.dry_run === true && (
            <Button
              onClick={() => {
                setDry(false);
                again();
              }}
            >
              {t("repositories:nowReally")}
            </Button>
          )}
        </div>
      )}
      onClose={onClose}
    >
      <Checkbox label={t("repositories:dryFirst")} hint={t("repositories:gcTwice")} checked={dry} onChange={setDry} />
    </TaskSheet>
  );
}

export function RepairSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const [act, setAct] = useState<"report" | "index">("report");
  const [all, setAll] = useState(false);
  return (
    <TaskSheet
      title={t("repositories:repair")}
      lead={t("repositories:repairLead")}
      verb={t(`repositories:repairs.${act}`)}
      danger={act === "index"}
      begin={() => data(repositoryRepair({ path: { repository_id: repository.id }, body: { act, read_data: all } }))}
      onClose={onClose}
    >
      <Field label={t("repositories:repairWhat")} hint={t(`repositories:repairHints.${act}`)}>
        {(control) => (
          <Select {...control} value={act} onChange={(event) => setAct(event.target.value as typeof act)}>
            {(["report", "index"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`repositories:repairs.${each}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {act === "report" && <Checkbox label={t("repositories:hows.all")} checked={all} onChange={setAll} />}
    </TaskSheet>
  );
}

export function CopySheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const { filter } = useScope();
  const [into, setInto] = useState("");
  const [change, setChange] = useState(false);
  const { data: all } = useQuery({
    queryKey: ["repositories", "names", filter.project_id],
    queryFn: async () =>
      (await data(repositoryList({ query: { limit: 200, project_id: repository.project_id } }))).items,
  });
  const others = (all ?? []).filter(({ id, format }) => id !== repository.id && format === repository.format);
  const chosen = into || others[0]?.id || "";
  return (
    <TaskSheet
      title={t("repositories:copy")}
      lead={t("repositories:copyLead")}
      verb={t("repositories:copy")}
      able={chosen !== ""}
      begin={() =>
        data(repositoryCopy({ path: { repository_id: repository.id }, body: { into: chosen, switch: change } }))
      }
      onClose={onClose}
    >
      {all && others.length === 0 ? (
        <p className="text-muted">{t("repositories:noOther")}</p>
      ) : (
        <Field label={t("repositories:into")}>
          {(control) => (
            <Select {...control} value={chosen} onChange={(event) => setInto(event.target.value)}>
              {others.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
      <Checkbox
        label={t("repositories:switch")}
        hint={t("repositories:switchHint")}
        checked={change}
        onChange={setChange}
      />
    </TaskSheet>
  );
}

export function RotateSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <TaskSheet
      title={t("repositories:rotate")}
      lead={t("repositories:rotateLead")}
      verb={t("repositories:rotate")}
      begin={() => data(repositoryRotate({ path: { repository_id: repository.id } }))}
      outcome={() => <p>{t("repositories:rotated")}</p>}
      onClose={onClose}
    />
  );
}

export function AdoptAgainSheet({ repository, onClose }: Props) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const [chosen, setChosen] = useState("");
  const where = chosen || repository.environment_id || environments[0]?.id || "";
  return (
    <TaskSheet
      title={t("repositories:adoptAgain")}
      lead={t("repositories:adoptAgainLead")}
      verb={t("repositories:adoptAgain")}
      begin={() =>
        data(repositoryAdoptAgain({ path: { repository_id: repository.id }, body: { environment_id: where } }))
      }
      onClose={onClose}
    >
      <EnvironmentField value={where} onChange={setChosen} />
    </TaskSheet>
  );
}

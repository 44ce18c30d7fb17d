import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  environmentWorkerVarDelete,
  environmentWorkerVarList,
  environmentWorkerVarPut,
  projectWorkerVarDelete,
  projectWorkerVarList,
  projectWorkerVarPut,
  type VariableOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Entries } from "@/parts/Entries";
import { ErrorText } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { NamedEntry } from "./NamedEntry";
import { Shown, VariableDialog } from "./Variables";

type Where = "environment" | "project";

/** Of each level: what is asked, set and forgotten there. */
const AT = {
  environment: {
    list: (id: string) => environmentWorkerVarList({ path: { environment_id: id } }),
    put: (id: string, name: string, value: unknown) =>
      environmentWorkerVarPut({ path: { environment_id: id, name }, body: { value } }),
    drop: (id: string, name: string) => environmentWorkerVarDelete({ path: { environment_id: id, name } }),
  },
  project: {
    list: (id: string) => projectWorkerVarList({ path: { project_id: id } }),
    put: (id: string, name: string, value: unknown) =>
      projectWorkerVarPut({ path: { project_id: id, name }, body: { value } }),
    drop: (id: string, name: string) => projectWorkerVarDelete({ path: { project_id: id, name } }),
  },
} as const;

/** Variables of every worker around this one: its environment's and its project's. */
export function Outer({ worker }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("worker.update");
  const [where, setWhere] = useState<Where>("environment");
  const [editing, setEditing] = useState<VariableOut | "new" | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const id = where === "environment" ? worker.environment_id : worker.project_id;
  const { data: found, error } = useQuery({
    queryKey: ["workers", "around", where, id],
    queryFn: () => data(AT[where].list(id)),
  });
  const read = () => void queries.invalidateQueries({ queryKey: ["workers"] });
  return (
    <Section
      title={t("workers:around")}
      aside={
        <div className="flex flex-wrap items-center gap-2">
          <Segments
            label={t("workers:around")}
            value={where}
            options={(["environment", "project"] as const).map((value) => ({
              value,
              label: t(`workers:valueLevels.${value}`),
            }))}
            onChange={(value) => setWhere(value as Where)}
          />
          {able && (
            <Button size="small" icon={<Plus />} onClick={() => setEditing("new")}>
              {t("workers:newVariable")}
            </Button>
          )}
        </div>
      }
    >
      <p className="-mt-1 mb-2 text-muted text-xs">{t(`workers:aroundLead.${where}`)}</p>
      {error && <ErrorText error={asError(error)} />}
      {!found && !error && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="text-muted text-xs">{t("workers:noVariables")}</p>}
      <Entries label={t("workers:around")}>
        {found?.map((each) => (
          <NamedEntry
            key={each.name}
            name={each.name}
            lead={<Shown value={each.value} />}
            onEdit={able && (() => setEditing(each))}
            onForget={able && (() => setRemoving(each.name))}
          />
        ))}
      </Entries>
      {editing && (
        <VariableDialog
          given={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          save={async (name, value) => {
            await data<unknown>(AT[where].put(id, name, value));
            read();
          }}
        />
      )}
      <Confirm
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        danger
        title={t("workers:forgetTitle", { name: removing })}
        lead={t("workers:forgetLead")}
        verb={t("workers:forget")}
        act={async () => {
          if (removing) await data<unknown>(AT[where].drop(id, removing));
          read();
        }}
      />
    </Section>
  );
}

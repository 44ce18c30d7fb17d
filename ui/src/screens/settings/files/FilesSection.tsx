import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { downloadLifeGet, downloadLifePut, type FilePolicy, filePolicyGet, filePolicyPut, type LinkLife } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Segments, Setting } from "@/parts/Setting";
import { Badge, Skeleton } from "@/parts/small";
import { lasted } from "@/parts/text";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";

const POLICIES = ["optional", "asked", "required"] as const;

/** What is asked of files that leave: the project's encryption, and how long links live anywhere. */
export default function FilesSection() {
  const { project } = useScope();
  return (
    <>
      {project && <Policy key={project.id} project={project.id} />}
      <Life />
    </>
  );
}

function Policy({ project }: { project: string }) {
  const { t } = useTranslation();
  const can = useCan();
  const key = ["projects", project, "file-policy"];
  const {
    data: policy,
    error,
    refetch,
  } = useQuery({ queryKey: key, queryFn: () => data(filePolicyGet({ path: { project_id: project } })) });
  const put = useMutation({
    mutationFn: (body: FilePolicy) => data(filePolicyPut({ path: { project_id: project }, body })),
    networkMode: "always",
    onSuccess: (saved) => {
      queries.setQueryData(key, saved);
      toast.good(t("files:saved"));
    },
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Setting title={t("files:policy")} lead={t("files:policyLead")}>
      {policy === undefined ? (
        <Skeleton className="h-8 w-64" />
      ) : can("project.update") ? (
        <Segments
          label={t("files:policy")}
          value={policy.encryption}
          options={POLICIES.map((value) => ({ value, label: t(`files:policies.${value}`) }))}
          onChange={(value) => put.mutate({ encryption: value as FilePolicy["encryption"] })}
        />
      ) : (
        <Badge>{t(`files:policies.${policy.encryption}`)}</Badge>
      )}
    </Setting>
  );
}

const KEY = ["downloads", "life"];

function Life() {
  const { t } = useTranslation();
  const can = useCan();
  const { data: life, error, refetch } = useQuery({ queryKey: KEY, queryFn: () => data(downloadLifeGet()) });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Setting title={t("files:life")} lead={t("files:lifeLead")}>
      {life === undefined ? (
        <Skeleton className="h-8 w-64" />
      ) : can("system.admin") ? (
        <LifeForm key={`${life.default_seconds}-${life.most_seconds}`} life={life} />
      ) : (
        <span>{t("files:hoursHint", { usual: lasted(life.default_seconds), most: lasted(life.most_seconds) })}</span>
      )}
    </Setting>
  );
}

function LifeForm({ life }: { life: LinkLife }) {
  const { t } = useTranslation();
  const [usual, setUsual] = useState(String(life.default_seconds / 3600));
  const [most, setMost] = useState(String(life.most_seconds / 3600));
  const put = useMutation({
    mutationFn: () =>
      data(
        downloadLifePut({
          body: {
            default_seconds: Math.round(Number(usual) * 3600),
            most_seconds: Math.round(Number(most) * 3600),
          },
        }),
      ),
    networkMode: "always",
    onSuccess: (saved) => {
      queries.setQueryData(KEY, saved);
      toast.good(t("files:saved"));
    },
  });
  return (
    <form
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        put.mutate();
      }}
    >
      <Hours label={t("files:usualLife")} value={usual} onChange={setUsual} />
      <Hours label={t("files:mostLife")} value={most} onChange={setMost} />
      <Button type="submit" busy={put.isPending}>
        {t("shell:save")}
      </Button>
    </form>
  );
}

function Hours({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <div className="w-24">
      <Field label={label}>
        {(given) => (
          <Input
            {...given}
            type="number"
            required
            min={0}
            step="any"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
    </div>
  );
}

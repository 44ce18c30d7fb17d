import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type FilePolicy, filePolicyGet, filePolicyPut, type ProjectOut } from "@/api";
import { Segments, Setting } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../Asked";

const WAYS = ["optional", "asked", "required"] as const;
type Way = FilePolicy["encryption"];

export default function FilesLeaving() {
  const { project } = useScope();
  if (!project) return <Skeleton className="m-6 h-24" />;
  return <OfProject key={project.id} project={project} />;
}

/** What a project asks of files that leave it. */
function OfProject({ project }: { project: ProjectOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const path = { project_id: project.id };
  const key = ["projects", project.id, "file_policy"];
  const policy = useQuery({ queryKey: key, queryFn: () => data(filePolicyGet({ path })) });
  const change = useMutation({
    mutationFn: (encryption: Way) => data(filePolicyPut({ path, body: { encryption } })),
    networkMode: "always",
    onSuccess: (now) => {
      queries.setQueryData(key, now);
      toast.good(t("projects:filesNow", { way: t(`projects:ways.${now.encryption}`) }));
    },
  });
  return (
    <Asked of={policy}>
      {({ encryption }) => (
        <>
          <Setting title={t("projects:plainText")} lead={t("projects:plainTextLead", { name: project.name })}>
            {can("project.update") ? (
              <Segments
                label={t("projects:plainText")}
                value={encryption}
                options={WAYS.map((value) => ({ value, label: t(`projects:ways.${value}`) }))}
                onChange={(way) => change.mutate(way as Way)}
              />
            ) : (
              <span className="font-medium">{t(`projects:ways.${encryption}`)}</span>
            )}
          </Setting>
          <dl className="grid max-w-3xl gap-3 px-4 py-4 sm:px-6">
            {WAYS.map((way) => (
              <div key={way}>
                <dt className="font-medium">{t(`projects:ways.${way}`)}</dt>
                <dd className="text-muted">{t(`projects:waysLead.${way}`)}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </Asked>
  );
}

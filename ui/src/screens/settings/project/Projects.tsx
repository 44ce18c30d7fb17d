import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type EnvironmentOut, environmentDelete, type ProjectOut, projectDelete } from "@/api";
import { Button } from "@/parts/Button";
import { Dot } from "@/parts/Colour";
import { Confirm } from "@/parts/Confirm";
import { Entries, Entry } from "@/parts/Entries";
import { Facts, Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { EnvironmentForm } from "./EnvironmentForm";
import { ProjectForm } from "./ProjectForm";

/** The project one is in, its environments, and the other projects. */
export default function Projects() {
  const { t } = useTranslation();
  const can = useCan();
  const { projects, environments, project, isLoading } = useScope();
  const [making, setMaking] = useState(false);
  const { creating, end, add } = useCreating(
    "environment.new",
    t("projects:newEnvironment"),
    can("environment.create") && project !== null,
  );
  if (isLoading && !project) return <Skeleton className="m-6 h-24" />;
  return (
    <>
      {project && <ThisProject key={project.id} project={project} />}
      <Section title={t("projects:environments")} aside={project && add}>
        <Entries label={t("projects:environments")}>
          {environments.map((each) => (
            <OneEnvironment key={each.id} environment={each} />
          ))}
        </Entries>
      </Section>
      <Section
        title={t("projects:all")}
        aside={
          can("project.create") && (
            <Button size="small" icon={<Plus />} onClick={() => setMaking(true)}>
              {t("projects:new")}
            </Button>
          )
        }
      >
        <AllProjects projects={projects} here={project} />
      </Section>
      {creating && project && <EnvironmentForm project={project} onClose={end} />}
      {making && <ProjectForm onClose={() => setMaking(false)} />}
    </>
  );
}

function ThisProject({ project }: { project: ProjectOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { choose } = useScope();
  const [asks, setAsks] = useState<"edit" | "delete" | null>(null);
  const close = () => setAsks(null);
  return (
    <Section
      title={project.name}
      aside={
        <div className="flex gap-1.5">
          {can("project.update") && (
            <Button size="small" icon={<Pencil />} onClick={() => setAsks("edit")}>
              {t("projects:edit")}
            </Button>
          )}
          {can("project.delete") && (
            <Button size="small" icon={<Trash2 />} onClick={() => setAsks("delete")}>
              {t("projects:delete")}
            </Button>
          )}
        </div>
      }
    >
      <Facts
        facts={[
          [t("projects:description"), project.description || "–"],
          [t("projects:made"), <Time key="at" at={project.created_at} />],
          ["ID", <code key="id">{project.id}</code>, "wide"],
        ]}
      />
      {asks === "edit" && <ProjectForm project={project} onClose={close} />}
      <Confirm
        open={asks === "delete"}
        onOpenChange={close}
        danger
        title={t("projects:deleteTitle", { name: project.name })}
        lead={t("projects:deleteLead")}
        verb={t("projects:delete")}
        name={project.name}
        act={async () => {
          await data(projectDelete({ path: { project_id: project.id }, body: { confirm: project.name } }));
          choose(null, null);
          await queries.invalidateQueries({ queryKey: ["projects"] });
        }}
      />
    </Section>
  );
}

function OneEnvironment({ environment }: { environment: EnvironmentOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const scope = useScope();
  const [asks, setAsks] = useState<"edit" | "delete" | null>(null);
  const close = () => setAsks(null);
  const { name, kind } = environment;
  const said = [
    kind === "production" && t(environment.restore_allowed ? "projects:restoresRun" : "projects:restoresRefused"),
    kind === "production" && t(environment.masking_required ? "projects:maskedOnly" : "projects:plainCopies"),
  ].filter(Boolean);
  return (
    <Entry
      icon={<Dot colour={environment.colour} />}
      title={name}
      state={<Badge tone={kind === "production" ? "bad" : "plain"}>{t(`projects:kinds.${kind}`)}</Badge>}
      lead={said.join(" · ")}
    >
      {can("environment.update") && (
        <Button size="small" aria-label={t("projects:editOf", { name })} onClick={() => setAsks("edit")}>
          {t("projects:edit")}
        </Button>
      )}
      {can("environment.delete") && (
        <Button
          size="small"
          look="quiet"
          icon={<Trash2 />}
          aria-label={t("projects:deleteOf", { name })}
          onClick={() => setAsks("delete")}
        />
      )}
      {asks === "edit" && <EnvironmentForm environment={environment} onClose={close} />}
      <Confirm
        open={asks === "delete"}
        onOpenChange={close}
        danger
        title={t("projects:deleteTitle", { name })}
        lead={t("projects:deleteEnvironmentLead")}
        verb={t("projects:deleteEnvironment")}
        name={name}
        act={async () => {
          await data(environmentDelete({ path: { environment_id: environment.id }, body: { confirm: name } }));
          if (scope.environment?.id === environment.id) scope.choose(scope.project?.name ?? null, null);
          await queries.invalidateQueries({ queryKey: ["projects"] });
        }}
      />
    </Entry>
  );
}

function AllProjects({ projects, here }: { projects: readonly ProjectOut[]; here: ProjectOut | null }) {
  const { t } = useTranslation();
  const { choose } = useScope();
  return (
    <Entries label={t("projects:all")}>
      {projects.map((each) => (
        <Entry key={each.id} title={each.name} lead={each.description}>
          {each.id === here?.id ? (
            <Badge tone="info">{t("projects:here")}</Badge>
          ) : (
            <Button
              size="small"
              aria-label={t("projects:goTo", { name: each.name })}
              onClick={() => choose(each.name, null)}
            >
              {t("projects:open")}
            </Button>
          )}
        </Entry>
      ))}
    </Entries>
  );
}

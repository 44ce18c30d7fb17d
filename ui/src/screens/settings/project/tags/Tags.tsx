import { useMutation, useQuery } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, type TagOut, tagList, tagRemove, tagRuleList, tagSet } from "@/api";
import { Button } from "@/parts/Button";
import { Dot } from "@/parts/Colour";
import { Entries, Entry } from "@/parts/Entries";
import { Section } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../../Asked";
import { RuleEntry } from "./RuleEntry";
import { RuleForm } from "./RuleForm";
import { TagForm } from "./TagForm";

/** How tags look, and the rules that put them on by themselves. */
export default function Tags() {
  const { project } = useScope();
  if (!project) return <Skeleton className="m-6 h-24" />;
  return (
    <>
      <Rules key={`rules ${project.id}`} project={project} />
      <Looks key={project.id} project={project} />
    </>
  );
}

function Rules({ project }: { project: ProjectOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const able = can("snapshot.create");
  const { creating, end, add } = useCreating("tag-rule.new", t("tags:newRule"), able);
  const rules = useQuery({
    queryKey: ["tag_rules", project.id],
    queryFn: async () => (await data(tagRuleList({ path: { project_id: project.id } }))).items,
  });
  return (
    <Section title={t("tags:rules")} aside={add}>
      <p className="mb-2 max-w-2xl text-muted text-sm">{t("tags:rulesLead")}</p>
      <Asked of={rules}>
        {(found) => (
          <Entries label={t("tags:rules")}>
            {found.map((rule) => (
              <RuleEntry key={rule.name} project={project} rule={rule} />
            ))}
            {found.length === 0 && <Entry title={t("tags:noRules")} lead={t("tags:noRulesLead")} />}
          </Entries>
        )}
      </Asked>
      {creating && <RuleForm project={project} onClose={end} />}
    </Section>
  );
}

function Looks({ project }: { project: ProjectOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const able = can("snapshot.create");
  const [asks, setAsks] = useState<TagOut | "new" | null>(null);
  const path = { project_id: project.id };
  const again = () => queries.invalidateQueries({ queryKey: ["tags"] });
  const tags = useQuery({
    queryKey: ["tags", project.id],
    queryFn: async () => (await data(tagList({ path, query: { limit: 200 } }))).items,
  });
  const back = useMutation({
    mutationFn: ({ name, colour, description }: TagOut) => data(tagSet({ path, body: { name, colour, description } })),
    onSuccess: again,
  });
  const forget = useMutation({
    mutationFn: ({ name }: TagOut) => data(tagRemove({ path, query: { name } })),
    onSuccess: async (_done, tag) => {
      toast.undo(t("tags:forgotten", { name: tag.name }), t("shell:undo"), () => back.mutate(tag));
      await again();
    },
  });
  return (
    <Section
      title={t("tags:looks")}
      aside={
        able && (
          <Button size="small" icon={<Plus />} onClick={() => setAsks("new")}>
            {t("tags:newTag")}
          </Button>
        )
      }
    >
      <p className="mb-2 max-w-2xl text-muted text-sm">{t("tags:looksLead")}</p>
      <Asked of={tags}>
        {(found) => (
          <Entries label={t("tags:looks")}>
            {found.map((each) => (
              <Entry
                key={each.name}
                icon={each.colour && <Dot colour={each.colour} />}
                title={each.name}
                lead={each.description}
              >
                {able && (
                  <>
                    <Button
                      size="small"
                      aria-label={t("tags:editOf", { name: each.name })}
                      onClick={() => setAsks(each)}
                    >
                      {t("tags:edit")}
                    </Button>
                    <Button
                      size="small"
                      look="quiet"
                      icon={<Trash2 />}
                      aria-label={t("tags:forgetOf", { name: each.name })}
                      onClick={() => forget.mutate(each)}
                    />
                  </>
                )}
              </Entry>
            ))}
            {found.length === 0 && <Entry title={t("tags:noLooks")} />}
          </Entries>
        )}
      </Asked>
      {asks && <TagForm project={project} tag={asks === "new" ? undefined : asks} onClose={() => setAsks(null)} />}
    </Section>
  );
}

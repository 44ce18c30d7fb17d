import { useMutation } from "@tanstack/react-query";
import { Ellipsis, Eye, Pause, Pencil, Play, Tags, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, tagRuleRemove, tagRuleSet } from "@/api";
import { Button } from "@/parts/Button";
import { Entry } from "@/parts/Entries";
import { Item, Line, Menu } from "@/parts/Menu";
import { Badge } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { RuleForm } from "./RuleForm";
import { RuleLook } from "./RuleLook";
import type { Rule } from "./rule";
import { useRuleWords } from "./useRuleWords";

export function RuleEntry({ project, rule }: { project: ProjectOut; rule: Rule }) {
  const { t } = useTranslation();
  const can = useCan();
  const words = useRuleWords();
  const [asks, setAsks] = useState<"edit" | "look" | "apply" | null>(null);
  const { name, tags, conditions, enabled } = rule;
  const path = { project_id: project.id, rule: name };
  const again = () => queries.invalidateQueries({ queryKey: ["tag_rules"] });
  const put = useMutation({
    mutationFn: (wanted: boolean) => data(tagRuleSet({ path, body: { tags, conditions, enabled: wanted } })),
    onSuccess: again,
  });
  const remove = useMutation({
    mutationFn: () => data(tagRuleRemove({ path })),
    onSuccess: async () => {
      toast.undo(t("tags:ruleRemoved", { name }), t("shell:undo"), () => put.mutate(enabled));
      await again();
    },
  });
  return (
    <Entry
      title={name}
      state={
        <>
          {tags.map((tag) => (
            <Badge key={tag} tone="info">
              {tag}
            </Badge>
          ))}
          {!enabled && <Badge icon={<Pause />}>{t("tags:off")}</Badge>}
        </>
      }
      lead={words(conditions)}
    >
      <Button size="small" icon={<Eye />} aria-label={t("tags:previewOf", { name })} onClick={() => setAsks("look")}>
        {t("tags:preview")}
      </Button>
      {can("snapshot.create") && (
        <Menu
          align="end"
          trigger={<Button size="small" look="quiet" aria-label={t("tags:moreOf", { name })} icon={<Ellipsis />} />}
        >
          <Item icon={<Tags />} onSelect={() => setAsks("apply")}>
            {t("tags:apply")}
          </Item>
          <Item icon={<Pencil />} onSelect={() => setAsks("edit")}>
            {t("tags:editRule")}
          </Item>
          <Item icon={enabled ? <Pause /> : <Play />} onSelect={() => put.mutate(!enabled)}>
            {t(enabled ? "tags:switchOff" : "tags:switchOn")}
          </Item>
          <Line />
          <Item icon={<Trash2 />} danger onSelect={() => remove.mutate()}>
            {t("tags:removeRule")}
          </Item>
        </Menu>
      )}
      {asks === "edit" && <RuleForm project={project} rule={rule} onClose={() => setAsks(null)} />}
      {(asks === "look" || asks === "apply") && (
        <RuleLook project={project} rule={rule} applies={asks === "apply"} onClose={() => setAsks(null)} />
      )}
    </Entry>
  );
}

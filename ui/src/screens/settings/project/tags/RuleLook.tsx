import { useMutation } from "@tanstack/react-query";
import { Tags } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProjectOut, type TaggedOut, tagRuleApply, tagRulePreview } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { Entries, Entry } from "@/parts/Entries";
import { ErrorText } from "@/parts/ErrorPanel";
import { Badge, Skeleton, Time } from "@/parts/small";
import { A } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import type { Rule } from "./rule";

const MOST_SHOWN = 200;

interface Props {
  project: ProjectOut;
  rule: Rule;
  /** May be applied from here; else it is a look only. */
  applies: boolean;
  onClose: () => void;
}

interface Seen {
  looked: number;
  found: readonly TaggedOut[];
}

/** What a rule would tag among the snapshots there are: page after page, as the server looks through them. */
export function RuleLook({ project, rule, applies, onClose }: Props) {
  const { t } = useTranslation();
  const [seen, setSeen] = useState<Seen>({ looked: 0, found: [] });
  const open = useRef(true);
  const { tags, conditions, enabled, name } = rule;
  async function walk(page: (cursor: string | undefined) => ReturnType<typeof preview>): Promise<Seen> {
    let all: Seen = { looked: 0, found: [] };
    let cursor: string | undefined;
    do {
      const look = await page(cursor);
      all = { looked: all.looked + look.looked_at, found: [...all.found, ...look.items] };
      setSeen(all);
      cursor = look.next_cursor ?? undefined;
    } while (cursor && open.current);
    return all;
  }
  const preview = (cursor: string | undefined) =>
    data(
      tagRulePreview({
        path: { project_id: project.id },
        query: { cursor },
        body: { tags, conditions, enabled },
      }),
    );
  const look = useMutation({ mutationFn: () => walk(preview), gcTime: 0, meta: { quiet: true } });
  const apply = useMutation({
    mutationFn: () =>
      walk((cursor) => data(tagRuleApply({ path: { project_id: project.id, rule: name }, query: { cursor } }))),
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onSuccess: async ({ found }) => {
      toast.good(t("tags:applied", { count: found.length }));
      onClose();
      await queries.invalidateQueries({ queryKey: ["snapshots"] });
    },
  });
  const { mutate } = look;
  useEffect(() => {
    open.current = true;
    mutate();
    return () => {
      open.current = false; // a sheet that was closed asks for no further page
    };
  }, [mutate]);
  const error = apply.error ?? look.error;
  const busy = look.isPending || apply.isPending;
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(stays) => !stays && onClose()}
      title={t(applies ? "tags:applyTitle" : "tags:previewTitle", { name })}
      lead={t("tags:previewLead")}
      foot={
        applies ? (
          <>
            <Button onClick={onClose}>{t("shell:cancel")}</Button>
            <Button
              look="primary"
              icon={<Tags />}
              busy={busy}
              disabled={seen.found.length === 0}
              onClick={() => apply.mutate()}
            >
              {t("tags:apply")}
            </Button>
          </>
        ) : (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        )
      }
    >
      <p aria-live="polite" className="mb-2 font-medium">
        {t("tags:wouldTag", { count: seen.found.length, looked: seen.looked })}
      </p>
      {busy && seen.looked === 0 && <Skeleton className="h-16" />}
      {error && <ErrorText error={asError(error)} />}
      <Entries label={t("tags:preview")}>
        {seen.found.slice(0, MOST_SHOWN).map((each) => (
          <Entry
            key={each.snapshot_id}
            title={
              <A to={`/snapshots/${each.snapshot_id}`} className="text-accent-text hover:underline">
                {each.resource_name}
              </A>
            }
            state={each.added.map((tag) => (
              <Badge key={tag} tone="info">
                + {tag}
              </Badge>
            ))}
            lead={<Time at={each.taken_at} />}
          />
        ))}
      </Entries>
      {seen.found.length > MOST_SHOWN && (
        <p className="text-muted text-xs">{t("tags:firstOnly", { count: MOST_SHOWN })}</p>
      )}
    </Dialog>
  );
}

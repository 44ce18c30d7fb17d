import { useMutation } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, snapshotUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Input } from "@/parts/Field";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";

/** Tags put on and taken off one by one; taking one off can be undone. */
export function TagEditor({ snapshot }: { snapshot: SnapshotOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [typed, setTyped] = useState("");
  const change = useMutation({
    mutationFn: (tags: string[]) => data(snapshotUpdate({ path: { snapshot_id: snapshot.id }, body: { tags } })),
    onSuccess: (after) => {
      queries.setQueryData(["snapshots", snapshot.id], after);
      void queries.invalidateQueries({ queryKey: ["snapshots", "list"] });
    },
  });
  const able = can("snapshot.create");
  function add() {
    const tag = typed.trim();
    setTyped("");
    if (tag && !snapshot.tags.includes(tag)) change.mutate([...snapshot.tags, tag]);
  }
  function remove(tag: string) {
    const before = snapshot.tags;
    change.mutate(
      before.filter((each) => each !== tag),
      {
        onSuccess: () => {
          toast.undo(t("snapshots:untagged", { tag }), t("shell:undo"), () => change.mutate(before));
        },
      },
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      {snapshot.tags.length === 0 && !able && <span className="text-muted">{t("snapshots:noTags")}</span>}
      {snapshot.tags.map((tag) => (
        <span key={tag} className="inline-flex h-6 items-center rounded-md bg-hover pl-2 text-xs">
          {tag}
          {able ? (
            <button
              type="button"
              aria-label={t("snapshots:untag", { tag })}
              className="grid size-6 place-items-center text-muted hover:text-text"
              onClick={() => remove(tag)}
            >
              <X className="size-3" />
            </button>
          ) : (
            <span className="w-2" />
          )}
        </span>
      ))}
      {able && (
        <form
          className="flex w-44 items-center gap-1"
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <Input
            aria-label={t("snapshots:addTag")}
            placeholder={t("snapshots:addTag")}
            value={typed}
            maxLength={100}
            className="h-7"
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button
            look="quiet"
            size="small"
            type="submit"
            aria-label={t("snapshots:addTag")}
            disabled={!typed.trim()}
            busy={change.isPending}
            icon={<Plus />}
          />
        </form>
      )}
    </div>
  );
}

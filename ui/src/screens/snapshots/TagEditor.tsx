import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { SnapshotOut } from "@/api";
import { Button } from "@/parts/Button";
import { Input } from "@/parts/Field";
import { useCan } from "@/shell/session";
import { useSnapshotActs } from "./useSnapshotActs";

/** Tags put on and taken off one by one; either can be undone. */
export function TagEditor({ snapshot }: { snapshot: SnapshotOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [typed, setTyped] = useState("");
  const { act } = useSnapshotActs();
  const able = can("snapshot.create");
  function add() {
    const tag = typed.trim();
    setTyped("");
    if (tag && !snapshot.tags.includes(tag)) act("tag", [snapshot.id], [tag]);
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
              onClick={() => act("untag", [snapshot.id], [tag])}
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
            icon={<Plus />}
          />
        </form>
      )}
    </div>
  );
}

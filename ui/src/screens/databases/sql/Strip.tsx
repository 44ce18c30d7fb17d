import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { type Draft, type Kept, MOST_DRAFTS } from "./kept";

/** The open queries. Delete closes the one that has the focus. */
export function Strip({ kept, drafts, at }: { kept: Kept; drafts: readonly Draft[]; at: string }) {
  const { t } = useTranslation();
  const close = (id: string) => {
    kept.close(id);
    void import("./monaco").then(({ drop }) => drop(id));
  };
  return (
    <div className="flex items-center border-b bg-sunken">
      <div className="flex min-w-0 overflow-x-auto">
        {drafts.map(({ id, title }) => (
          <div
            key={id}
            className={cx(
              "flex h-8 shrink-0 items-center border-r pr-1",
              id === at ? "bg-panel font-medium" : "text-muted hover:text-text",
            )}
          >
            <button
              type="button"
              aria-pressed={id === at}
              onClick={() => kept.show(id)}
              onKeyDown={(event) => event.key === "Delete" && close(id)}
              className="inset-ring-focus h-full max-w-44 truncate px-3 text-xs"
            >
              {title}
            </button>
            <button
              type="button"
              aria-label={t("sql:closeTab", { title })}
              onClick={() => close(id)}
              className="inset-ring-focus grid size-6 place-items-center rounded-sm text-faint hover:bg-hover hover:text-text"
            >
              <X className="size-3" aria-hidden />
            </button>
          </div>
        ))}
      </div>
      <Button
        look="quiet"
        size="icon"
        className="mx-1 size-7"
        aria-label={t("sql:newTab")}
        disabled={drafts.length >= MOST_DRAFTS}
        icon={<Plus />}
        onClick={() => kept.open()}
      />
    </div>
  );
}

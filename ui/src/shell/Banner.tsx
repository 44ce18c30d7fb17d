import { useMutationState } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { live } from "./liveConnection";
import { titleOf } from "./query";
import { reach } from "./reach";
import { useStore } from "./store";

const NAMED = 3;

/** While the server does not answer: what is seen may be old, and what was asked meanwhile waits, each by its name. */
export function Banner() {
  const { t } = useTranslation();
  const there = useStore(reach.there);
  const waiting = useMutationState({ filters: { predicate: ({ state }) => state.isPaused }, select: titleOf });
  if (there) return null;
  const named = waiting.slice(0, NAMED).join(", ");
  return (
    <div role="status" className="flex min-h-9 flex-wrap items-center gap-2 bg-warn-soft px-3 py-1 text-sm text-warn">
      <WifiOff className="size-3.5 shrink-0" aria-hidden />
      <span className="min-w-0 flex-1">
        {t("shell:offline")}{" "}
        {waiting.length > 0 && (
          <span className="font-medium">
            {t("shell:waiting", { count: waiting.length })}: {named}
            {waiting.length > NAMED ? "…" : ""}
          </span>
        )}
      </span>
      <Button size="small" onClick={() => live.hurry()}>
        {t("shell:retry")}
      </Button>
    </div>
  );
}

import { useMutationState } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { live } from "./liveConnection";
import { reach } from "./reach";
import { useStore } from "./store";

/** While the server does not answer: what is seen may be old, and what was asked meanwhile waits. */
export function Banner() {
  const { t } = useTranslation();
  const there = useStore(reach.there);
  const waiting = useMutationState({ filters: { predicate: ({ state }) => state.isPaused } }).length;
  if (there) return null;
  return (
    <div role="status" className="flex min-h-9 flex-wrap items-center gap-2 bg-warn-soft px-3 py-1 text-sm text-warn">
      <WifiOff className="size-3.5" aria-hidden />
      <span className="flex-1">
        {t("shell:offline")} {waiting > 0 && t("shell:waiting", { count: waiting })}
      </span>
      <Button size="small" onClick={() => live.hurry()}>
        {t("shell:retry")}
      </Button>
    </div>
  );
}

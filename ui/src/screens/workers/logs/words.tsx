import { CircleCheck, CircleX, Clock } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { InvocationOut } from "@/api";
import { Badge } from "@/parts/small";

export const OUTCOMES = [
  "ok",
  "exception",
  "timeout",
  "cancelled",
  "exceededCpu",
  "exceededMemory",
  "crashed",
] as const;
export const TRIGGERS = ["http", "scheduled", "rpc", "websocket"] as const;

/** `GET /path`, or whatever else it was that was asked. */
export function what({ method, path, trigger }: Pick<InvocationOut, "method" | "path" | "trigger">): string {
  return [method, path].filter(Boolean).join(" ") || trigger;
}

/** How a call ended, with its status where it has one. */
export function Outcome({ of }: { of: Pick<InvocationOut, "outcome" | "status"> }) {
  const { t } = useTranslation();
  const failed = of.outcome !== "ok" || (of.status ?? 0) >= 500;
  const Icon = !failed ? CircleCheck : of.outcome === "timeout" ? Clock : CircleX;
  const word = t(`workers:outcomes.${of.outcome}`, { defaultValue: of.outcome });
  return (
    <Badge tone={failed ? "bad" : "good"} icon={<Icon />}>
      {of.status === null ? word : of.outcome === "ok" ? of.status : `${of.status} · ${word}`}
    </Badge>
  );
}

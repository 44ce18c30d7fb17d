import { CircleCheck, CircleSlash, CircleX, Clock, LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ProgressOut } from "@/api";
import { Badge, type Tone } from "./small";
import { bytes, count, lasted } from "./text";

const LOOKS: Record<string, [Tone, typeof Clock]> = {
  queued: ["plain", Clock],
  running: ["info", LoaderCircle],
  succeeded: ["good", CircleCheck],
  failed: ["bad", CircleX],
  cancelled: ["plain", CircleSlash],
};

export const ENDED = ["succeeded", "failed", "cancelled"];

export function RunState({ state }: { state: string }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[state] ?? ["plain", Clock];
  return (
    <Badge tone={tone} icon={<Icon className={state === "running" ? "animate-spin" : undefined} />}>
      {t(`activity:states.${state}`, { defaultValue: state })}
    </Badge>
  );
}

/** `snapshot.create` in words. */
export function useRunTitle(): (kind: string) => string {
  const { t } = useTranslation();
  return (kind) => {
    const [noun = kind, ...verb] = kind.split(".");
    return t(`activity:kinds.${kind.replaceAll(".", "_")}`, { defaultValue: [noun, verb.join(" ")].join(": ") });
  };
}

/** How far it is, how fast, and when it will be there; without a total only what was done. */
export function Progress({ of, label }: { of: ProgressOut; label: string }) {
  const { t } = useTranslation();
  const amount = (value: number) => (of.unit === "bytes" ? bytes(value) : count(value));
  const part = of.total ? Math.min(1, of.done / of.total) : null;
  return (
    <div className="grid gap-1">
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={part === null ? undefined : Math.round(part * 100)}
        className="h-1 overflow-hidden rounded-full bg-strong-line/40"
      >
        <div
          className={`h-full rounded-full bg-accent transition-[width] duration-300 ${part === null ? "w-1/4 animate-pulse" : ""}`}
          style={part === null ? undefined : { width: `${part * 100}%` }}
        />
      </div>
      <p className="flex justify-between gap-3 text-muted text-xs">
        <span className="truncate">{of.phase}</span>
        <span className="shrink-0">
          {amount(of.done)}
          {of.total ? ` / ${amount(of.total)}` : ""}
          {of.rate ? ` · ${amount(of.rate)}/s` : ""}
          {of.eta_seconds ? ` · ${t("activity:eta", { time: lasted(of.eta_seconds) })}` : ""}
        </span>
      </p>
    </div>
  );
}

import { CircleCheck, CircleSlash, CircleX, LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge } from "@/parts/small";
import { lasted } from "@/parts/text";

const LOOKS = {
  running: ["info", LoaderCircle],
  passed: ["good", CircleCheck],
  failed: ["bad", CircleX],
  cancelled: ["plain", CircleSlash],
} as const;

export function DrillState({ state }: { state: keyof typeof LOOKS }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[state];
  return (
    <Badge tone={tone} icon={<Icon className={state === "running" ? "animate-spin" : undefined} />}>
      {t(`drills:states.${state}`)}
    </Badge>
  );
}

/** What was measured, red when it is over what was aimed at then. */
export function Measured({ seconds, aim }: { seconds: number | null; aim: unknown }) {
  const { t } = useTranslation();
  if (seconds === null) return <span className="text-faint">–</span>;
  if (typeof aim !== "number") return <span>{lasted(seconds)}</span>;
  return (
    <span className={seconds > aim ? "text-bad" : "text-good"} title={t("drills:aimed", { time: lasted(aim) })}>
      {lasted(seconds)}
      <span className="sr-only"> {t(seconds > aim ? "drills:over" : "drills:within")}</span>
    </span>
  );
}

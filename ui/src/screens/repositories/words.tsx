import { CircleCheck, CircleDashed, CircleX, LoaderCircle, Unplug } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RepositoryOut } from "@/api";
import { Badge, type Tone } from "@/parts/small";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  new: ["plain", CircleDashed],
  ready: ["good", CircleCheck],
  adopting: ["info", LoaderCircle],
  detached: ["plain", Unplug],
  failed: ["bad", CircleX],
};

/** Trouble comes before the state: a store that does not answer is not ready for anything. */
export function RepositoryState({ of }: { of: RepositoryOut }) {
  const { t } = useTranslation();
  const away = of.breaker && of.breaker.state !== "closed";
  if (of.trouble || away)
    return (
      <Badge tone="bad" icon={<CircleX />}>
        {t(away ? "repositories:away" : "repositories:trouble")}
      </Badge>
    );
  const [tone, Icon] = LOOKS[of.state] ?? ["info", LoaderCircle];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`repositories:states.${of.state}`, { defaultValue: of.state })}
    </Badge>
  );
}

import { CircleCheck, CircleDashed, CircleStop, CircleX, LoaderCircle, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type Tone } from "@/parts/small";
import { drawn } from "./settings/colours";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  ready: ["good", CircleCheck],
  stopped: ["plain", CircleStop],
  failed: ["bad", CircleX],
  unreachable: ["bad", CircleX],
  deleted: ["plain", Trash2],
  creating: ["info", LoaderCircle],
  restoring: ["info", LoaderCircle],
  changing: ["info", LoaderCircle],
  starting: ["info", LoaderCircle],
  stopping: ["info", LoaderCircle],
};

export function DatabaseState({ state }: { state: string }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[state] ?? ["info", CircleDashed];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`databases:states.${state}`, { defaultValue: state })}
    </Badge>
  );
}

/** The colour people gave it; what has none takes no room. */
export function Dot({ colour }: { colour: string | null }) {
  const { t } = useTranslation();
  const drawnAs = drawn(colour);
  if (!colour || !drawnAs) return null;
  const said = t(`dbsettings:colours.${colour}`, { defaultValue: colour });
  return (
    <span
      role="img"
      aria-label={said}
      title={said}
      className="inline-block size-2.5 shrink-0 rounded-full"
      style={{ background: drawnAs }}
    />
  );
}

import { CircleCheck, CircleDashed, CircleStop, CircleX, LoaderCircle, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type Tone } from "@/parts/small";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  ready: ["good", CircleCheck],
  stopped: ["plain", CircleStop],
  failed: ["bad", CircleX],
  unreachable: ["bad", CircleX],
  deleted: ["plain", Trash2],
  provisioning: ["info", LoaderCircle],
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

import { CircleCheck, CirclePause, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { WorkerOut } from "@/api";
import { Badge, type Tone } from "@/parts/small";
import { stateOf } from "./state";

const LOOKS: Record<ReturnType<typeof stateOf>, [Tone, typeof CircleCheck]> = {
  enabled: ["good", CircleCheck],
  disabled: ["plain", CirclePause],
  deleted: ["plain", Trash2],
};

export function WorkerState({ worker }: { worker: WorkerOut }) {
  const { t } = useTranslation();
  const state = stateOf(worker);
  const [tone, Icon] = LOOKS[state];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`workers:states.${state}`)}
    </Badge>
  );
}

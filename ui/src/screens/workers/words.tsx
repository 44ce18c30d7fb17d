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

/** Where it is reached, in a tab of its own; a row's click is not taken. */
export function HostLink({ address, slug }: { address: string | undefined; slug: string }) {
  if (!address) return <span className="truncate text-muted">{slug}</span>;
  return (
    <a
      href={address}
      target="_blank"
      rel="noreferrer"
      className="relative truncate text-accent-text hover:underline"
      onClick={(event) => event.stopPropagation()}
    >
      {address.replace(/^https?:\/\//, "")}
    </a>
  );
}

import { CircleCheck, CircleX, LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Badge, type Tone } from "@/parts/small";

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  ready: ["good", CircleCheck],
  failed: ["bad", CircleX],
};

export function VersionState({ state }: { state: string }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[state] ?? ["info", LoaderCircle];
  return (
    <Badge tone={tone} icon={<Icon />}>
      {t(`workers:versionStates.${state}`, { defaultValue: state })}
    </Badge>
  );
}

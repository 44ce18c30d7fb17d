import { Ban, CircleCheck, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { UserOut } from "@/api";
import { Badge } from "@/parts/small";

export type PersonState = "active" | "disabled" | "deleted";

export function stateOf(user: UserOut): PersonState {
  if (user.deleted_at) return "deleted";
  if (user.disabled_at) return "disabled";
  return "active";
}

export function nameOf(user: Pick<UserOut, "name" | "email" | "id">): string {
  return user.name || user.email || user.id;
}

const LOOKS = {
  active: ["good", <CircleCheck key="icon" />],
  disabled: ["warn", <Ban key="icon" />],
  deleted: ["plain", <Trash2 key="icon" />],
} as const;

export function PersonState({ state }: { state: PersonState }) {
  const { t } = useTranslation();
  const [tone, icon] = LOOKS[state];
  return (
    <Badge tone={tone} icon={icon}>
      {t(`people:states.${state}`)}
    </Badge>
  );
}

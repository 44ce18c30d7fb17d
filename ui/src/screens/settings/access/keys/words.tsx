import { Ban, CircleCheck, Clock, Hourglass } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { HoldfastFeaturesAccessApiKeysKeyOut as KeyOut } from "@/api";
import { Badge } from "@/parts/small";

export type { KeyOut };
export type KeyState = "works" | "soon" | "expired" | "revoked";

const SOON_MS = 14 * 86_400_000;

export function keyState(key: Pick<KeyOut, "revoked_at" | "expires_at">, now: number = Date.now()): KeyState {
  if (key.revoked_at) return "revoked";
  if (!key.expires_at) return "works";
  const left = new Date(key.expires_at).getTime() - now;
  return left <= 0 ? "expired" : left < SOON_MS ? "soon" : "works";
}

export function isOver(key: Pick<KeyOut, "revoked_at" | "expires_at">): boolean {
  return ["expired", "revoked"].includes(keyState(key));
}

const LOOKS = {
  works: ["good", <CircleCheck key="icon" />],
  soon: ["warn", <Hourglass key="icon" />],
  expired: ["plain", <Clock key="icon" />],
  revoked: ["plain", <Ban key="icon" />],
} as const;

export function KeyBadge({ of }: { of: KeyOut }) {
  const { t } = useTranslation();
  const state = keyState(of);
  const [tone, icon] = LOOKS[state];
  return (
    <Badge tone={tone} icon={icon}>
      {t(`apikeys:states.${state}`)}
    </Badge>
  );
}

/** What it may do and where, each in a few words. */
export function useKeyWords() {
  const { t } = useTranslation();
  return {
    may: (key: KeyOut) =>
      key.role ??
      (key.permissions.length === 0 ? t("apikeys:none") : t("apikeys:permissions", { count: key.permissions.length })),
    where: (key: KeyOut) => {
      const count = (key.projects?.length ?? 0) + key.environments.length + key.resources.length;
      return key.projects === null && count === 0 ? t("apikeys:everywhere") : t("apikeys:places", { count });
    },
  };
}

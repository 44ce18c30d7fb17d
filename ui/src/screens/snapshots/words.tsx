import { CircleCheck, CircleDashed, CircleX, LoaderCircle, Lock } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { SnapshotOut } from "@/api";
import { Badge } from "@/parts/small";

/** What is known of a snapshot: taken at all, and how it was proven. */
export function SnapshotProof({ of }: { of: Pick<SnapshotOut, "state" | "verification" | "proof"> }) {
  const { t } = useTranslation();
  if (of.state === "creating")
    return (
      <Badge tone="info" icon={<LoaderCircle className="animate-spin" />}>
        {t("snapshots:states.creating")}
      </Badge>
    );
  if (of.state !== "ready")
    return (
      <Badge tone={of.state === "failed" ? "bad" : "plain"} icon={<CircleX />}>
        {t(`snapshots:states.${of.state}`, { defaultValue: of.state })}
      </Badge>
    );
  const word = t(`snapshots:proofs.${of.proof}`, { defaultValue: of.proof });
  if (of.verification === "green")
    return (
      <Badge tone="good" icon={<CircleCheck />}>
        {word}
      </Badge>
    );
  if (of.verification === "red")
    return (
      <Badge tone="bad" icon={<CircleX />}>
        {word}
      </Badge>
    );
  return (
    <Badge tone="warn" icon={<CircleDashed />}>
      {word}
    </Badge>
  );
}

export function Held() {
  const { t } = useTranslation();
  return (
    <span title={t("snapshots:held")} className="inline-grid place-items-center align-middle text-accent-text">
      <Lock className="size-3.5" aria-hidden />
      <span className="sr-only">{t("snapshots:held")}</span>
    </span>
  );
}

export function Tags({ of }: { of: SnapshotOut }) {
  if (of.tags.length === 0) return <span className="text-faint">–</span>;
  return (
    <span className="flex min-w-0 gap-1" title={of.tags.join(", ")}>
      <Badge>{of.tags[0]}</Badge>
      {of.tags.length > 1 && (
        <span className="shrink-0 text-muted text-xs">
          +{of.tags.length - 1}
          <span className="sr-only"> {of.tags.slice(1).join(", ")}</span>
        </span>
      )}
    </span>
  );
}

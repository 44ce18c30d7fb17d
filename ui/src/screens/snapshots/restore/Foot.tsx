import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { A } from "@/shell/address";

interface FootProps {
  /** To this step; without it, back to the snapshot. */
  back?: () => void;
  snapshot: string;
  children: ReactNode;
}

export function Foot({ back, snapshot, children }: FootProps) {
  const { t } = useTranslation();
  return (
    <div className="sticky bottom-0 -mx-4 flex flex-wrap justify-end gap-2 border-t bg-panel px-4 py-3 sm:mx-0 sm:px-0">
      {back ? (
        <Button onClick={back}>{t("restore:back")}</Button>
      ) : (
        <Button asChild>
          <A to={`/snapshots/${snapshot}`}>{t("shell:cancel")}</A>
        </Button>
      )}
      {children}
    </div>
  );
}

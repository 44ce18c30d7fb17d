import { Footprints } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { A } from "@/shell/address";
import { useCan } from "@/shell/session";
import { useStore } from "@/shell/store";
import { mayGuide, offered, putAway } from "../start/guide";

/** As long as nothing was ever brought back here, and nobody put it away. */
export function GuideOffer() {
  const { t } = useTranslation();
  const can = useCan();
  const isOffered = useStore(offered);
  if (!isOffered || !mayGuide(can)) return null;
  return (
    <aside
      aria-label={t("start:title")}
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b bg-accent-soft px-4 py-3 sm:px-6"
    >
      <Footprints className="size-4 shrink-0 text-accent-text" aria-hidden />
      <div className="min-w-0 flex-1 basis-60">
        <p className="font-medium">{t("start:offer")}</p>
        <p className="text-pretty text-muted text-xs">{t("start:offerLead")}</p>
      </div>
      <div className="flex gap-1.5">
        <Button look="quiet" onClick={putAway}>
          {t("start:dismiss")}
        </Button>
        <Button look="primary" asChild>
          <A to="/start">{t("start:begin")}</A>
        </Button>
      </div>
    </aside>
  );
}

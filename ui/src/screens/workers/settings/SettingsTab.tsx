import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCan } from "@/shell/session";
import { Divided, type Part } from "../../databases/Divided";
import type { TabProps } from "../tabs";
import { CallerKeys } from "./CallerKeys";
import { Cors } from "./Cors";
import { Crons } from "./Crons";
import { Danger } from "./Danger";
import { General } from "./General";
import { Hosts } from "./Hosts";
import { Limits } from "./Limits";
import { Permits } from "./Permits";
import { Variables } from "./Variables";

/** How a worker runs, who reaches it, and what its code finds. */
export default function SettingsTab(props: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const parts = useMemo<Part<TabProps>[]>(() => {
    const shown: (Part<TabProps> & { if: boolean })[] = [
      { id: "general", title: "workers:parts.general", Body: General, if: true },
      { id: "limits", title: "workers:parts.limits", Body: Limits, if: true },
      { id: "permits", title: "workers:parts.permits", Body: Permits, if: true },
      { id: "cors", title: "workers:parts.cors", Body: Cors, if: true },
      { id: "keys", title: "workers:parts.keys", Body: CallerKeys, if: true },
      { id: "hosts", title: "workers:parts.hosts", Body: Hosts, if: true },
      { id: "crons", title: "workers:parts.crons", Body: Crons, if: true },
      { id: "variables", title: "workers:parts.variables", Body: Variables, if: true },
      { id: "danger", title: "workers:parts.danger", Body: Danger, if: can("worker.update", "worker.delete") },
    ];
    return shown.filter((each) => each.if);
  }, [can]);
  return <Divided label={t("workers:settings")} parts={parts} given={props} />;
}

import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCan } from "@/shell/session";
import { isAble, isForeign, listens } from "../able";
import { Divided, type Part } from "../Divided";
import { Server } from "../external/Server";
import type { TabProps } from "../tabs";
import { Connect } from "./Connect";
import { Logins } from "./Logins";
import { Network } from "./Network";
import { Sessions } from "./Sessions";
import { Tunnels } from "./Tunnels";

/** How one gets in, who is in, and who may. */
export default function ConnectionsTab(props: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const { database, engine } = props;
  const parts = useMemo<Part[]>(() => {
    const ours = !isForeign(database);
    const admits = ours && isAble(engine, "login");
    const shown: (Part & { if: boolean })[] = [
      { id: "connect", title: "connections:connect", Body: Connect, if: true },
      { id: "server", title: "connections:server", Body: Server, if: !ours },
      {
        id: "sessions",
        title: "connections:sessions",
        full: true,
        Body: Sessions,
        if: isAble(engine, "activity") && can("database.session.read"),
      },
      { id: "logins", title: "connections:logins", Body: Logins, if: admits },
      { id: "tunnels", title: "connections:tunnels", Body: Tunnels, if: admits && can("database.session.read") },
      {
        id: "network",
        title: "connections:network",
        Body: Network,
        if: ours && isAble(engine, "expose") && listens(database),
      },
    ];
    return shown.filter((each) => each.if);
  }, [database, engine, can]);
  return <Divided label={t("connections:title")} parts={parts} given={props} />;
}

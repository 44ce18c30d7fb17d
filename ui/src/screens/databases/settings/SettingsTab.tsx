import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCan } from "@/shell/session";
import { isAble, isForeign } from "../able";
import { Divided, type Part } from "../Divided";
import type { TabProps } from "../tabs";
import { Danger } from "./Danger";
import { EnginePart } from "./EnginePart";
import { General } from "./General";
import { Retention } from "./Retention";
import { Upgrade } from "./Upgrade";
import { Upkeep } from "./Upkeep";

/** What is changed about a database that stands. */
export default function SettingsTab(props: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const { database, engine } = props;
  const parts = useMemo<Part[]>(() => {
    const ours = !isForeign(database);
    const shown: (Part & { if: boolean })[] = [
      { id: "general", title: "dbsettings:general", Body: General, if: true },
      {
        id: "engine",
        title: "dbsettings:engine",
        Body: EnginePart,
        if: (ours && isAble(engine, "resize")) || isAble(engine, "tune") || isAble(engine, "extend"),
      },
      { id: "retention", title: "dbsettings:retention", Body: Retention, if: can("snapshot.read") },
      { id: "upkeep", title: "dbsettings:upkeep", Body: Upkeep, if: isAble(engine, "maintain") },
      { id: "upgrade", title: "dbsettings:upgrade", Body: Upgrade, if: ours && isAble(engine, "upgrade") },
      {
        id: "danger",
        title: "dbsettings:danger",
        Body: Danger,
        if: can("database.stop", "database.start", "database.delete", "database.password.rotate"),
      },
    ];
    return shown.filter((each) => each.if);
  }, [database, engine, can]);
  return <Divided label={t("dbsettings:title")} parts={parts} given={props} />;
}

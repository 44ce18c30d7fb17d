import { Pause, Play, Tag, Trash2, Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { workerDelete, workerUndelete, workerUpdate } from "@/api";
import { Confirm } from "@/parts/Confirm";
import type { BulkAct } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { LabelDialog } from "../databases/settings/LabelDialog";
import { relabelled } from "../databases/settings/labels";
import type { Listed } from "./listed";
import { switched } from "./Verbs";

interface Asked {
  what: "delete" | "label";
  rows: Listed[];
  clear: () => void;
}

/** What is done to several at once, and the dialogs that ask before. */
export function useWorkerActs(deleted: boolean): { acts: BulkAct<Listed>[]; dialogs: ReactNode } {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const [asked, setAsked] = useState<Asked | null>(null);
  const done = (clear: () => void) => () => {
    clear();
    void queries.invalidateQueries({ queryKey: ["workers"] });
  };
  const all: (BulkAct<Listed> & { if: boolean })[] = [
    {
      id: "undelete",
      title: t("workers:undelete"),
      icon: <Undo2 />,
      if: deleted && can("worker.delete"),
      run: (rows, clear) =>
        void each(rows, (row) => data(workerUndelete({ path: { worker_id: row.id } })), done(clear), "workers:changed"),
    },
    ...[true, false].map((enabled) => ({
      id: enabled ? "enable" : "disable",
      title: t(enabled ? "workers:enable" : "workers:disable"),
      icon: enabled ? <Play /> : <Pause />,
      if: !deleted && can("worker.update"),
      run: (rows: Listed[], clear: () => void) =>
        void each(rows, (row) => data(switched(row, enabled)), done(clear), "workers:changed"),
    })),
    {
      id: "label",
      title: t("workers:label"),
      icon: <Tag />,
      if: !deleted && can("worker.update"),
      run: (rows, clear) => setAsked({ what: "label", rows, clear }),
    },
    {
      id: "delete",
      title: t("workers:deleteShort"),
      icon: <Trash2 />,
      danger: true,
      if: !deleted && can("worker.delete"),
      run: (rows, clear) => setAsked({ what: "delete", rows, clear }),
    },
  ];
  const end = () => setAsked(null);
  const count = asked?.rows.length ?? 0;
  const dialogs = asked && (
    <>
      <Confirm
        open={asked.what === "delete"}
        onOpenChange={(open) => !open && end()}
        danger
        title={t("workers:deleteTitle", { name: t("workers:many", { count }) })}
        lead={
          <>
            {asked.rows.map(({ name }) => name).join(", ")}. {t("workers:deleteLead")}
          </>
        }
        verb={t("workers:deleteShort")}
        name={t("workers:many", { count })}
        act={() =>
          each(
            asked.rows,
            (row) => data(workerDelete({ path: { worker_id: row.id }, body: { confirm: row.name } })),
            done(asked.clear),
            "workers:deletedMany",
          )
        }
      />
      {asked.what === "label" && (
        <LabelDialog
          title={t("workers:labelTitle", { count })}
          verb={t("workers:label")}
          onClose={end}
          onLabel={(labels) =>
            each(
              asked.rows,
              (row) =>
                data(
                  workerUpdate({
                    path: { worker_id: row.id },
                    headers: { "If-Match": `"v${row.version}"` },
                    body: { labels: relabelled(row.labels, Object.entries(labels)) },
                  }),
                ),
              done(asked.clear),
              "workers:changed",
            )
          }
        />
      )}
    </>
  );
  return { acts: all.filter((act) => act.if), dialogs };
}

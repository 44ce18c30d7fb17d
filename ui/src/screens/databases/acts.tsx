import { Archive, Play, Square, Tag, Trash2, Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type DatabaseOut,
  databaseDelete,
  databaseStart,
  databaseStop,
  databaseUndelete,
  databaseUpdate,
  snapshotCreateMany,
} from "@/api";
import { Confirm } from "@/parts/Confirm";
import type { BulkAct } from "@/parts/table/types";
import { useEach } from "@/parts/useEach";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { LabelDialog } from "./settings/LabelDialog";
import { relabelled } from "./settings/labels";

interface Asked {
  what: "delete" | "tag";
  rows: DatabaseOut[];
  clear: () => void;
}

/** What is done to several at once, and the dialogs that ask before. */
export function useDatabaseActs(deleted: boolean): { acts: BulkAct<DatabaseOut>[]; dialogs: ReactNode } {
  const { t } = useTranslation();
  const can = useCan();
  const each = useEach();
  const [asked, setAsked] = useState<Asked | null>(null);
  const done = (clear: () => void) => () => {
    clear();
    void queries.invalidateQueries({ queryKey: ["databases"] });
  };
  const all: (BulkAct<DatabaseOut> & { if: boolean })[] = [
    {
      id: "undelete",
      title: t("databases:undelete"),
      icon: <Undo2 />,
      if: deleted && can("database.undelete"),
      run: (rows, clear) =>
        void each(rows, (row) => data(databaseUndelete({ path: { database_id: row.id } })), done(clear)),
    },
    {
      id: "snapshot",
      title: t("databases:snapshot"),
      icon: <Archive />,
      if: !deleted && can("snapshot.create"),
      run: (rows, clear) =>
        void data(snapshotCreateMany({ body: { databases: rows.map(({ id }) => id) }, headers: once() })).then(
          (begun) => {
            toast.good(t("databases:snapshotsBegun", { count: begun.items.length }));
            clear();
          },
          (thrown) => {
            const { message, hint, code } = asError(thrown);
            toast.bad(message, hint ?? code);
          },
        ),
    },
    {
      id: "start",
      title: t("databases:start"),
      icon: <Play />,
      if: !deleted && can("database.start"),
      run: (rows, clear) =>
        void each(rows, (row) => data(databaseStart({ path: { database_id: row.id } })), done(clear)),
    },
    {
      id: "stop",
      title: t("databases:stop"),
      icon: <Square />,
      if: !deleted && can("database.stop"),
      run: (rows, clear) =>
        void each(rows, (row) => data(databaseStop({ path: { database_id: row.id } })), done(clear)),
    },
    {
      id: "tag",
      title: t("databases:tag"),
      icon: <Tag />,
      if: !deleted && can("database.update"),
      run: (rows, clear) => setAsked({ what: "tag", rows, clear }),
    },
    {
      id: "delete",
      title: t("databases:deleteShort"),
      icon: <Trash2 />,
      danger: true,
      if: !deleted && can("database.delete"),
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
        title={t("databases:deleteTitle", { name: t("databases:many", { count }) })}
        lead={
          <>
            {asked.rows.map(({ name }) => name).join(", ")}. {t("databases:deleteLead")}
          </>
        }
        verb={t("databases:deleteShort")}
        name={t("databases:many", { count })}
        act={() =>
          each(
            asked.rows,
            (row) => data(databaseDelete({ path: { database_id: row.id }, body: { confirm: row.name } })),
            done(asked.clear),
          )
        }
      />
      {asked.what === "tag" && (
        <LabelDialog
          title={t("databases:tagTitle", { count })}
          verb={t("databases:tag")}
          onClose={end}
          onLabel={(labels) =>
            each(
              asked.rows,
              (row) =>
                data(
                  databaseUpdate({
                    path: { database_id: row.id },
                    body: { labels: relabelled(row.labels, Object.entries(labels)) },
                  }),
                ),
              done(asked.clear),
              "databases:tagged",
            )
          }
        />
      )}
    </>
  );
  return { acts: all.filter((act) => act.if), dialogs };
}

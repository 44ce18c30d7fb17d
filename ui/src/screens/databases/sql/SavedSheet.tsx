import { useQuery } from "@tanstack/react-query";
import { History, Lock, Trash2, Users } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SavedQueryOut, savedQueryDelete, savedQueryList } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { savedKey, VersionsSheet } from "./VersionsSheet";

interface Props {
  database: string;
  onPick: (saved: SavedQueryOut) => void;
  onRestored: (saved: SavedQueryOut) => void;
  onClose: () => void;
}

export function SavedSheet({ database, onPick, onRestored, onClose }: Props) {
  const { t } = useTranslation();
  const [looking, setLooking] = useState<SavedQueryOut | null>(null);
  const [deleting, setDeleting] = useState<SavedQueryOut | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: savedKey(database),
    queryFn: async () => (await data(savedQueryList({ path: { database_id: database }, query: { limit: 200 } }))).items,
  });
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("sql:savedQueries")}
      lead={t("sql:savedLead")}
    >
      {error && <ErrorPanel error={error} retry={() => void refetch()} />}
      {!found && !error && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="py-6 text-center text-muted">{t("sql:noSaved")}</p>}
      <ul className="-mx-2 grid gap-0.5">
        {found?.map((saved) => (
          <li key={saved.id} className="flex items-start gap-1 rounded-md hover:bg-hover">
            <button
              type="button"
              onClick={() => onPick(saved)}
              className="inset-ring-focus grid min-w-0 flex-1 gap-0.5 rounded-md px-2 py-2 text-left"
            >
              <span className="flex items-center gap-1.5 font-medium">
                <span className="truncate">{saved.name}</span>
                {saved.shared ? (
                  <Users className="size-3 text-faint" aria-label={t("sql:shared")} />
                ) : (
                  <Lock className="size-3 text-faint" aria-label={t("sql:own")} />
                )}
              </span>
              <span className="line-clamp-2 break-words font-mono text-muted text-xs">
                {saved.statement.slice(0, 300)}
              </span>
              <span className="text-faint text-xs">
                <Time at={saved.updated_at} />
              </span>
            </button>
            <Button
              look="quiet"
              size="icon"
              className="mt-1 size-7"
              aria-label={`${t("sql:versions")}: ${saved.name}`}
              icon={<History />}
              onClick={() => setLooking(saved)}
            />
            <Button
              look="quiet"
              size="icon"
              className="mt-1 mr-1 size-7"
              aria-label={t("sql:deleteSaved", { name: saved.name })}
              icon={<Trash2 />}
              onClick={() => setDeleting(saved)}
            />
          </li>
        ))}
      </ul>
      {looking && (
        <VersionsSheet database={database} saved={looking} onRestored={onRestored} onClose={() => setLooking(null)} />
      )}
      {deleting && (
        <Confirm
          open
          danger
          onOpenChange={(open) => !open && setDeleting(null)}
          title={t("sql:deleteSaved", { name: deleting.name })}
          lead={t("sql:deleteSavedLead")}
          verb={t("sql:deleteVerb")}
          act={async () => {
            await data(savedQueryDelete({ path: { saved_query_id: deleting.id } }));
            await queries.invalidateQueries({ queryKey: savedKey(database) });
          }}
        />
      )}
    </Dialog>
  );
}

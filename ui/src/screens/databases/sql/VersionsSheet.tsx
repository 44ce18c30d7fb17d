import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SavedQueryOut, type SavedQueryVersionOut, savedQueryUpdate, savedQueryVersions } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Badge, Skeleton, Time } from "@/parts/small";
import { type ApiError, asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";

export const savedKey = (database: string) => ["saved-queries", database] as const;

interface Props {
  database: string;
  saved: SavedQueryOut;
  onRestored: (saved: SavedQueryOut) => void;
  onClose: () => void;
}

/** What a saved query was; restoring one writes it as the newest, so that nothing is lost by it. */
export function VersionsSheet({ database, saved, onRestored, onClose }: Props) {
  const { t } = useTranslation();
  const [failed, setFailed] = useState<ApiError | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: [...savedKey(database), saved.id, saved.version],
    queryFn: async () =>
      (await data(savedQueryVersions({ path: { saved_query_id: saved.id }, query: { limit: 100 } }))).items,
  });
  async function restore({ version, name, statement, description, write, parameters }: SavedQueryVersionOut) {
    setFailed(null);
    try {
      const now = await data(
        savedQueryUpdate({
          path: { saved_query_id: saved.id },
          headers: { "If-Match": `"v${saved.version}"` },
          body: {
            name,
            statement,
            description,
            write,
            // A default that is not there must not be said: it would make what is required optional.
            parameters: parameters.map(({ default: otherwise, ...each }) =>
              otherwise === null ? each : { ...each, default: otherwise },
            ) as never,
          },
        }),
      );
      await queries.invalidateQueries({ queryKey: savedKey(database) });
      toast.good(t("sql:restored", { name: now.name, version }));
      onRestored(now);
    } catch (thrown) {
      setFailed(asError(thrown));
    }
  }
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={`${t("sql:versions")}: ${saved.name}`}
      lead={t("sql:versionsLead")}
    >
      {error && <ErrorPanel error={error} retry={() => void refetch()} />}
      {failed && <ErrorText error={failed} />}
      {!found && !error && <Skeleton className="h-16" />}
      <ol className="grid gap-3">
        {found?.map((each) => (
          <li key={each.version} className="grid gap-1.5 border-b pb-3">
            <div className="flex items-center gap-2">
              <span className="font-medium">{t("sql:versionNth", { version: each.version })}</span>
              {each.version === saved.version && <Badge tone="info">{t("sql:current")}</Badge>}
              <span className="flex-1 text-muted text-xs">
                <Time at={each.at} />
              </span>
              {each.version !== saved.version && (
                <Button size="small" onClick={() => void restore(each)}>
                  {t("sql:restore")}
                </Button>
              )}
            </div>
            <pre className="max-h-48 overflow-auto whitespace-pre-wrap break-words rounded-md bg-sunken p-2 font-mono text-xs">
              {each.statement}
            </pre>
          </li>
        ))}
      </ol>
    </Dialog>
  );
}

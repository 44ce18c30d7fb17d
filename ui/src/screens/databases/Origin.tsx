import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseOrigin } from "@/api";
import { ErrorText } from "@/parts/ErrorPanel";
import { Skeleton, Time } from "@/parts/small";
import { A } from "@/shell/address";
import { asError, data } from "@/shell/api";

/** Where its data came from; asked for when it is opened. */
export function Origin({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const { data: origin, error } = useQuery({
    queryKey: ["databases", database.id, "origin"],
    queryFn: () => data(databaseOrigin({ path: { database_id: database.id } })),
    enabled: open,
  });
  return (
    <details className="mt-4" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="w-fit font-medium text-muted text-xs hover:text-text">{t("databases:origin")}</summary>
      <div className="mt-2">
        {error && <ErrorText error={asError(error)} />}
        {open && !origin && !error && <Skeleton className="h-4 w-56" />}
        {origin && (
          <p className="flex flex-wrap items-center gap-x-1.5">
            {t(`databases:hows.${origin.how}`, { defaultValue: origin.how })}
            {origin.source_name &&
              (origin.source_id ? (
                <A to={`/databases/${origin.source_id}`} className="text-accent-text hover:underline">
                  {origin.source_name}
                </A>
              ) : (
                origin.source_name
              ))}
            {origin.snapshot_id && (
              <A to={`/snapshots/${origin.snapshot_id}`} className="text-accent-text hover:underline">
                {t("databases:itsSnapshot")}
              </A>
            )}
            {origin.moment && (
              <span className="text-muted">
                {t("databases:asOf")} <Time at={origin.moment} />
              </span>
            )}
            {origin.masking && (
              <span className="text-muted">{t("databases:maskedWith", { name: origin.masking })}</span>
            )}
          </p>
        )}
      </div>
    </details>
  );
}

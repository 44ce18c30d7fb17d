import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ExtensionOut, extensionDisable, extensionEnable, extensionList } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";

/** What the server has to offer, and what of it this database uses. */
export function Extensions({ database }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("database.extension.write");
  const [off, setOff] = useState<ExtensionOut | null>(null);
  const [cascade, setCascade] = useState(false);
  const key = ["databases", database.id, "extensions"];
  const path = { database_id: database.id };
  const {
    data: found,
    error,
    refetch,
  } = useQuery({ queryKey: key, queryFn: async () => (await data(extensionList({ path }))).items });
  const again = () => queries.invalidateQueries({ queryKey: key });
  const enable = useMutation({
    mutationFn: (name: string) => data(extensionEnable({ path: { ...path, name } })),
    onSuccess: again,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <Section title={t("dbsettings:extensions")}>
      {!found && <Skeleton className="h-16" />}
      {found?.length === 0 && <p className="text-muted">{t("dbsettings:noExtensions")}</p>}
      <ul className="max-w-4xl">
        {found?.map((each) => (
          <li key={each.name} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <div className="min-w-0 flex-1">
              <p className="flex items-center gap-1.5">
                <code className="font-mono text-xs">{each.name}</code>
                {each.installed && <Badge tone="good">{each.installed}</Badge>}
              </p>
              <p className="text-muted text-xs">{each.description}</p>
            </div>
            {able &&
              (each.installed ? (
                <Button
                  size="small"
                  aria-label={t("dbsettings:disableOne", { name: each.name })}
                  onClick={() => setOff(each)}
                >
                  {t("dbsettings:disable")}
                </Button>
              ) : (
                <Button
                  size="small"
                  aria-label={t("dbsettings:enableOne", { name: each.name })}
                  busy={enable.isPending && enable.variables === each.name}
                  onClick={() => enable.mutate(each.name)}
                >
                  {t("dbsettings:enable")}
                </Button>
              ))}
          </li>
        ))}
      </ul>
      {off && (
        <Confirm
          open
          danger
          onOpenChange={(open) => {
            if (open) return;
            setOff(null);
            setCascade(false);
          }}
          title={t("dbsettings:disableOne", { name: off.name })}
          lead={
            <span className="grid gap-2">
              {t("dbsettings:disableLead")}
              <label className="flex items-center gap-2 text-text">
                <input
                  type="checkbox"
                  className="size-4 accent-accent"
                  checked={cascade}
                  onChange={(event) => setCascade(event.target.checked)}
                />
                {t("dbsettings:cascade")}
              </label>
            </span>
          }
          verb={t("dbsettings:disable")}
          name={database.name}
          act={async () => {
            await data(
              extensionDisable({ path: { ...path, name: off.name }, body: { confirm: database.name, cascade } }),
            );
            await again();
          }}
        />
      )}
    </Section>
  );
}

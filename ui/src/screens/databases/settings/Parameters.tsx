import { useMutation, useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SettingOut, settingList, settingUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Input, Select } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import type { TabProps } from "../tabs";

/** The server's own settings: all changes are sent as one, and one that is refused holds back the others. */
export function Parameters({ database }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("database.settings.write");
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [wanted, setWanted] = useState("");
  const key = ["databases", database.id, "settings"];
  const path = { database_id: database.id };
  const {
    data: found,
    error,
    refetch,
  } = useQuery({ queryKey: key, queryFn: async () => (await data(settingList({ path }))).items });
  const change = useMutation({
    mutationFn: (settings: Record<string, string | null>) => data(settingUpdate({ path, body: { settings } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (after) => {
      queries.setQueryData(key, after.items);
      setTyped({});
      toast.good(t("dbsettings:saved"));
    },
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const asked = wanted.trim().toLowerCase();
  const seen = (found ?? []).filter((each) => `${each.name} ${each.description}`.toLowerCase().includes(asked));
  const changed = Object.entries(typed).filter(
    ([name, value]) => found?.find((each) => each.name === name)?.value !== value,
  );
  return (
    <Section
      title={t("dbsettings:parameters")}
      aside={
        <div className="relative">
          <Search className="-translate-y-1/2 absolute top-1/2 left-2 size-3.5 text-faint" aria-hidden />
          <Input
            type="search"
            aria-label={t("dbsettings:findSetting")}
            placeholder={t("dbsettings:findSetting")}
            className="w-44 pl-7"
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
          />
        </div>
      }
    >
      {!found && <Skeleton className="h-24" />}
      <ul>
        {seen.map((each) => (
          <Row
            key={each.name}
            of={each}
            able={able}
            value={typed[each.name] ?? each.value}
            onChange={(value) => setTyped((before) => ({ ...before, [each.name]: value }))}
            onDefault={() => change.mutate({ [each.name]: null })}
          />
        ))}
      </ul>
      {found && seen.length === 0 && <p className="text-muted">{t("shell:noMatch")}</p>}
      {change.error && <ErrorText error={asError(change.error)} />}
      {changed.length > 0 && (
        <div className="sticky bottom-0 mt-2 flex items-center gap-2 border-t bg-page py-3">
          <Button look="primary" busy={change.isPending} onClick={() => change.mutate(Object.fromEntries(changed))}>
            {t("dbsettings:apply", { count: changed.length })}
          </Button>
          <Button
            onClick={() => {
              setTyped({});
              change.reset();
            }}
          >
            {t("dbsettings:discard")}
          </Button>
        </div>
      )}
    </Section>
  );
}

interface RowProps {
  of: SettingOut;
  able: boolean;
  value: string;
  onChange: (value: string) => void;
  onDefault: () => void;
}

function Row({ of, able, value, onChange, onDefault }: RowProps) {
  const { t } = useTranslation();
  const choices = of.kind === "boolean" ? ["on", "off"] : of.choices;
  const unit = of.unit && /^\d/.test(of.unit) ? `× ${of.unit}` : of.unit; // pages of 8 kB are counted, not measured
  const given = { "aria-label": of.name, disabled: !able, value };
  return (
    <li className="grid gap-x-6 gap-y-1.5 border-t py-3 first:border-t-0 sm:grid-cols-[1fr_220px] sm:items-start">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-1.5">
          <code className="break-all font-mono text-xs">{of.name}</code>
          {of.changed && <Badge tone="info">{t("dbsettings:changed")}</Badge>}
          {of.applies !== "at once" && (
            <Badge tone={of.applies === "restart" ? "warn" : "plain"}>
              {t(`dbsettings:applies.${of.applies.replace(" ", "_")}`, { defaultValue: of.applies })}
            </Badge>
          )}
        </p>
        <p className="text-muted text-xs">{of.description}</p>
        {of.pending !== null && <p className="text-warn text-xs">{t("dbsettings:pending", { value: of.pending })}</p>}
      </div>
      <div className="grid gap-1">
        <div className="flex items-center gap-2">
          {choices.length > 0 && choices.includes(of.value) ? (
            <Select {...given} onChange={(event) => onChange(event.target.value)}>
              {choices.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </Select>
          ) : (
            <Input
              {...given}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => onChange(event.target.value)}
            />
          )}
        </div>
        <p className="flex flex-wrap items-center gap-x-2 text-muted text-xs">
          {t("dbsettings:default", { value: [of.default || "–", unit].filter(Boolean).join(" ") })}
          {of.minimum !== null && of.maximum !== null && (
            <span>
              {of.minimum} – {of.maximum} {unit}
            </span>
          )}
          {able && of.changed && (
            <button type="button" className="text-accent-text hover:underline" onClick={onDefault}>
              {t("dbsettings:toDefault")}
            </button>
          )}
        </p>
      </div>
    </li>
  );
}

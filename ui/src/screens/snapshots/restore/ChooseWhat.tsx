import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { SnapshotOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Skeleton } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { tablesOf } from "../contents";
import { Options } from "../Options";
import { Foot } from "./Foot";
import { tablesText, type Wish } from "./wish";

interface Props {
  snapshot: SnapshotOut;
  wish: Wish;
  go: (patch: Record<string, string | undefined>) => void;
}

/** All of it, or some tables. */
export function ChooseWhat({ snapshot, wish, go }: Props) {
  const { t } = useTranslation();
  const [some, setSome] = useState(wish.tables.length > 0);
  const [picked, setPicked] = useState<readonly string[]>(wish.tables);
  const held = [
    snapshot.tables !== null && t("restore:tables", { count: snapshot.tables }),
    snapshot.rows !== null && t("snapshots:rowCount", { count: snapshot.rows, shown: count(snapshot.rows) }),
    snapshot.source_bytes !== null && bytes(snapshot.source_bytes),
  ];
  const able = Boolean(snapshot.tables) && snapshot.state === "ready";
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        go({ step: "where", tables: some ? tablesText(picked) || undefined : undefined });
      }}
    >
      <Options
        legend={t("restore:step.what")}
        begins
        value={some ? "some" : "all"}
        onChange={(value) => setSome(value === "some")}
        options={[
          { value: "all", title: t("restore:all"), lead: held.filter(Boolean).join(" · ") },
          {
            value: "some",
            title: t("restore:some"),
            lead: able ? t("restore:someLead") : t("restore:noTables"),
            disabled: !able,
          },
        ]}
      />
      {some && able && <Tables id={snapshot.id} picked={picked} onPicked={setPicked} />}
      <Foot snapshot={snapshot.id}>
        <Button look="primary" type="submit" disabled={some && picked.length === 0}>
          {t("restore:next")}
        </Button>
      </Foot>
    </form>
  );
}

interface TablesProps {
  id: string;
  picked: readonly string[];
  onPicked: (picked: readonly string[]) => void;
}

const SHOWN = 300;

function Tables({ id, picked, onPicked }: TablesProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const { data: found, error, refetch } = useQuery(tablesOf(id));
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Skeleton className="h-24" />;
  const all = found.map((each) => ({ ...each, label: each.schema ? `${each.schema}.${each.name}` : each.name }));
  const matching = all.filter(({ label }) => label.toLowerCase().includes(typed.trim().toLowerCase()));
  const toggle = (label: string, on: boolean) =>
    onPicked(on ? [...picked, label] : picked.filter((each) => each !== label));
  return (
    <fieldset className="grid gap-2">
      <legend className="sr-only">{t("restore:some")}</legend>
      {all.length > 8 && (
        <Field label={t("restore:findTable")}>
          {(given) => (
            <Input {...given} autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
          )}
        </Field>
      )}
      <ul className="max-h-72 divide-y overflow-y-auto rounded-md border">
        {matching.slice(0, SHOWN).map((table) => (
          <li key={table.label}>
            <label className="flex items-center gap-3 px-3 py-2 hover:bg-hover">
              <input
                type="checkbox"
                className="size-4 shrink-0 accent-accent"
                aria-label={table.label}
                checked={picked.includes(table.label)}
                onChange={(event) => toggle(table.label, event.target.checked)}
              />
              <span className="min-w-0 flex-1 truncate">{table.label}</span>
              <span className="shrink-0 text-muted text-xs">
                {t("snapshots:rowCount", { count: table.rows, shown: count(table.rows) })}
              </span>
            </label>
          </li>
        ))}
      </ul>
      {matching.length > SHOWN && <p className="text-muted text-xs">{t("restore:narrow", { count: SHOWN })}</p>}
      <p className="text-muted text-xs" aria-live="polite">
        {t("restore:picked", { count: picked.length })}
      </p>
    </fieldset>
  );
}

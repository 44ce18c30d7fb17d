import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Input } from "@/parts/Field";
import { Skeleton } from "@/parts/small";
import { byNoun, permissions } from "./roles";
import { has } from "./wholly";

interface Props {
  value: ReadonlySet<string>;
  onChange: (value: ReadonlySet<string>) => void;
  /** Only these are offered: nobody gives what they do not hold. */
  among: readonly string[];
}

/** Permissions by noun, each with what it allows; a noun's tick takes all of it. */
export function PermissionPicker({ value, onChange, among }: Props) {
  const { t } = useTranslation();
  const [q, setQ] = useState("");
  const { data: known, error } = useQuery(permissions);
  if (error) return <ErrorPanel error={error} />;
  if (!known) return <Skeleton className="h-24" />;
  const offered = Object.keys(known.permissions).filter((name) => among.includes(name) || value.has(name));
  const found = offered.filter((name) => has(q, name, known.permissions[name]));
  function put(names: readonly string[], on: boolean) {
    const next = new Set(value);
    for (const name of names) on ? next.add(name) : next.delete(name);
    onChange(next);
  }
  return (
    <div className="grid gap-2">
      <div className="flex items-center gap-3">
        <Input
          type="search"
          placeholder={t("roles:find")}
          aria-label={t("roles:find")}
          value={q}
          onChange={(event) => setQ(event.target.value)}
        />
        <span className="shrink-0 text-muted text-xs tabular-nums">{t("apikeys:chosen", { count: value.size })}</span>
      </div>
      <div className="grid gap-3">
        {byNoun(found).map(([noun, names]) => {
          const on = names.filter((name) => value.has(name)).length;
          return (
            <fieldset key={noun}>
              <legend className="font-medium text-xs">
                <label className="inline-flex min-h-6 items-center gap-2 pointer-coarse:min-h-10">
                  <input
                    type="checkbox"
                    className="size-4 accent-accent"
                    checked={on === names.length}
                    ref={(box) => {
                      if (box) box.indeterminate = on > 0 && on < names.length;
                    }}
                    onChange={(event) => put(names, event.target.checked)}
                  />
                  {noun}
                </label>
              </legend>
              <div className="grid gap-1 border-l pl-4">
                {names.map((name) => (
                  <label key={name} className="flex items-start gap-2 text-sm pointer-coarse:min-h-10">
                    <input
                      type="checkbox"
                      className="mt-0.5 size-4 shrink-0 accent-accent"
                      checked={value.has(name)}
                      onChange={(event) => put([name], event.target.checked)}
                    />
                    <span>
                      {name}
                      <span className="block text-muted text-xs">{known.permissions[name]}</span>
                    </span>
                  </label>
                ))}
              </div>
            </fieldset>
          );
        })}
      </div>
    </div>
  );
}

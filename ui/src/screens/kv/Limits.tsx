import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { kvNamespaceUpdate, kvNamespaceUsage, type NamespaceOut } from "@/api";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { bytes, count } from "@/parts/text";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import { changes, typed } from "./amounts";
import { keysOf } from "./values";

const MOST_KEYS = Number.MAX_SAFE_INTEGER + 1;
const MOST_MB = MOST_KEYS / (1024 * 1024);

/** What it holds, beside its limits; read again with its keys. */
export function Used({ namespace }: { namespace: string }) {
  const { t } = useTranslation();
  const { data: used } = useQuery({
    queryKey: [...keysOf(namespace), "usage"],
    queryFn: () => data(kvNamespaceUsage({ path: { kv_namespace_id: namespace } })),
  });
  if (!used) return null;
  const of = (now: string, limit: string | null) => (limit === null ? now : t("kv:usedOf", { used: now, limit }));
  const keys = of(count(used.keys), used.max_keys === null ? null : count(used.max_keys));
  const size = of(bytes(used.bytes), used.max_bytes === null ? null : bytes(used.max_bytes));
  const isFull = full(used.keys, used.max_keys) || full(used.bytes, used.max_bytes);
  return (
    <span data-used="" className={isFull ? "font-medium text-bad" : undefined}>
      {t("kv:used", { keys, size })}
    </span>
  );
}

function full(now: number, limit: number | null): boolean {
  return limit !== null && now >= limit;
}

/** The most it may hold: empty for no limit. What it holds already stays. */
export function LimitsDialog({ namespace, onClose }: { namespace: NamespaceOut; onClose: () => void }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(() => typed(namespace));
  const body = changes(namespace, draft);
  return (
    <FormDialog
      title={t("kv:limitsOf", { name: namespace.name })}
      lead={t("kv:limitsLead")}
      verb={t("shell:save")}
      able={Object.keys(body).length > 0}
      onClose={onClose}
      save={async () => {
        await data(kvNamespaceUpdate({ path: { kv_namespace_id: namespace.id }, body }));
        await queries.invalidateQueries({ queryKey: ["kv_namespaces", namespace.id] });
        toast.good(t("kv:limitsSaved"));
      }}
    >
      {(wrong) => (
        <>
          <Field label={t("kv:maxKeys")} hint={t("kv:noLimit")} error={wrong.max_keys ?? null}>
            {(given) => (
              <Input
                {...given}
                type="number"
                min={0}
                max={MOST_KEYS}
                step={1}
                value={draft.keys}
                onChange={({ target }) => setDraft({ ...draft, keys: target.value })}
              />
            )}
          </Field>
          <Field label={t("kv:maxSize")} hint={t("kv:maxSizeHint")} aside="MB" error={wrong.max_bytes ?? null}>
            {(given) => (
              <Input
                {...given}
                type="number"
                inputMode="decimal"
                min={0}
                max={MOST_MB}
                step="any"
                value={draft.size}
                onChange={({ target }) => setDraft({ ...draft, size: target.value })}
              />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

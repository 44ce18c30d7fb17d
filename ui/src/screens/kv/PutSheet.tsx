import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type KvValueOut, kvValuePut } from "@/api";
import { Area, Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { pretty } from "../workers/console/request";
import { keysOf, metadataOf, ttlOf } from "./values";

interface Props {
  namespace: string;
  /** Null: a key that may not be there yet. */
  of: KvValueOut | null;
  onClose: () => void;
}

/** A value under a key, in place of the one it has. */
export function PutSheet({ namespace, of, onClose }: Props) {
  const { t } = useTranslation();
  const [key, setKey] = useState(of?.key ?? "");
  const [value, setValue] = useState(of && !of.encoded ? of.value : "");
  const [ttl, setTtl] = useState("");
  const [metadata, setMetadata] = useState(of?.metadata == null ? "" : JSON.stringify(of.metadata, null, 2));
  const formatted = pretty(value);
  async function save() {
    let sent: { expiration_ttl: number | null; metadata: unknown };
    try {
      sent = { expiration_ttl: ttlOf(ttl), metadata: metadataOf(metadata) };
    } catch (thrown) {
      throw new Error(t(`kv:wrong.${(thrown as Error).message}`));
    }
    const expiration = sent.expiration_ttl === null ? (of?.expiration ?? null) : null;
    await data(kvValuePut({ path: { kv_namespace_id: namespace }, body: { key, value, expiration, ...sent } }));
    await queries.invalidateQueries({ queryKey: keysOf(namespace) });
    await queries.invalidateQueries({ queryKey: ["kv_namespaces", namespace, "value", key] });
  }
  return (
    <FormDialog
      as="sheet"
      title={of ? t("kv:change") : t("kv:put")}
      lead={of ? <code className="break-all">{of.key}</code> : t("kv:putLead")}
      verb={t("kv:save")}
      able={key !== ""}
      save={save}
      onClose={onClose}
    >
      {!of && (
        <Field label={t("kv:key")} hint={t("kv:keyHint")}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              autoComplete="off"
              spellCheck={false}
              maxLength={512}
              className="font-mono text-xs!"
              value={key}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
      )}
      <Field
        label={t("kv:value")}
        hint={of?.encoded && t("kv:replacesBytes")}
        aside={
          formatted !== null &&
          formatted !== value && (
            <button type="button" className="text-accent-text hover:underline" onClick={() => setValue(formatted)}>
              {t("kv:format")}
            </button>
          )
        }
      >
        {(given) => (
          <Area
            {...given}
            rows={12}
            spellCheck={false}
            className="font-mono text-xs!"
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        )}
      </Field>
      <Field label={t("kv:ttl")} hint={of?.expiration ? t("kv:ttlKeeps") : t("kv:ttlHint")}>
        {(given) => (
          <Input
            {...given}
            inputMode="numeric"
            className="w-36!"
            value={ttl}
            onChange={(event) => setTtl(event.target.value)}
          />
        )}
      </Field>
      <Field label={t("kv:metadata")} hint={t("kv:metadataHint")}>
        {(given) => (
          <Area
            {...given}
            rows={3}
            spellCheck={false}
            className="font-mono text-xs!"
            value={metadata}
            onChange={(event) => setMetadata(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}

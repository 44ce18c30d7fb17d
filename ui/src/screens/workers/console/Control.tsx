import { Clock } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Area, Input, Field as Labelled, Select } from "@/parts/Field";
import { Tip } from "@/parts/small";
import type { Field, Schema } from "./operations";

const LONG = 200; // letters: more get an area
const MOMENTS: Record<string, (now: string) => string> = {
  "date-time": (now) => now,
  date: (now) => now.slice(0, 10),
  time: (now) => now.slice(11),
};

interface Props {
  field: Field;
  label: string;
  text: string;
  /** Of a choice and of a boolean: what each text is called. */
  options?: readonly (readonly [text: string, label: string])[] | null;
  /** It is always there: an item of a list, a part of the path. */
  always?: boolean;
  error?: string | undefined;
  /** Beside the control. */
  aside?: ReactNode;
  onText: (text: string) => void;
}

/** A single value, by what its schema says of it. What is typed is never refused here: seeing a request refused is what a console is for. */
export function Control({ field, label, text, options, always, error, aside, onText }: Props) {
  const { t } = useTranslation();
  const { schema } = field;
  const hint = useHint()(schema);
  const now = MOMENTS[schema.format ?? ""];
  return (
    <Labelled label={label} hint={hint} error={error} aside={<Kind of={field} isItem={always && field.name === ""} />}>
      {(given) => {
        const own = { ...given, "aria-required": field.required || undefined, value: text };
        const must = always && field.required && field.name !== ""; // a part of a path: there is no request without it
        const control = options ? (
          <Select {...own} required={must} onChange={(event) => onText(event.target.value)}>
            {!(always && text !== "") && <option value="">–</option>}
            {text !== "" && !options.some(([each]) => each === text) && <option value={text}>{text}</option>}
            {options.map(([each, name]) => (
              <option key={each} value={each}>
                {name}
              </option>
            ))}
          </Select>
        ) : text.includes("\n") || (schema.maxLength ?? 0) > LONG ? (
          <Area {...own} rows={3} onChange={(event) => onText(event.target.value)} />
        ) : (
          <Input
            {...own}
            type={schema.writeOnly || schema.format === "password" ? "password" : "text"}
            inputMode={field.shape.kind === "number" ? "decimal" : undefined}
            placeholder={exampleOf(schema, now)}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="off"
            required={must}
            onChange={(event) => onText(event.target.value)}
          />
        );
        if (!now && !aside) return control;
        return (
          <div className="flex gap-1.5">
            {control}
            {now && !options && (
              <Tip text={t("code:now")}>
                <Button
                  size="icon"
                  look="quiet"
                  aria-label={t("code:nowIn", { name: label })}
                  icon={<Clock />}
                  onClick={() => onText(now(new Date().toISOString()))}
                />
              </Tip>
            )}
            {aside}
          </div>
        );
      }}
    </Labelled>
  );
}

function exampleOf({ examples }: Schema, now: ((now: string) => string) | undefined): string | undefined {
  const [first] = examples ?? [];
  if (typeof first === "string" || typeof first === "number") return String(first);
  return now?.("2026-01-31T09:30:00Z");
}

/** In the schema's own words, which are those of an answer that refuses it. */
export function Kind({ of: { schema, shape, required }, isItem }: { of: Field; isItem?: boolean }) {
  const { t } = useTranslation();
  const kind = schema.format ?? (shape.kind === "choice" ? "enum" : typeof schema.type === "string" && schema.type);
  return (
    <>
      {[kind, schema.deprecated && t("code:deprecated")].filter(Boolean).join(" · ")}
      {required && !isItem && <span className="ml-1.5 font-medium text-muted">{t("code:required")}</span>}
    </>
  );
}

/** What it is for, its bounds, and what counts when it is not there. */
export function useHint(): (schema: Schema) => string {
  const { t } = useTranslation();
  return (schema) => {
    const bounds = [
      ["min", schema.minimum],
      ["above", schema.exclusiveMinimum],
      ["max", schema.maximum],
      ["below", schema.exclusiveMaximum],
      ["short", schema.minLength || undefined],
      ["long", schema.maxLength],
    ] as const;
    const said = [
      schema.description,
      ...bounds.map(([word, bound]) => bound !== undefined && t(`shell:wrong.${word}`, { bound, count: bound })),
      schema.default !== undefined && t("code:default", { value: worded(schema.default) }),
    ];
    return said.filter(Boolean).join(" · ");
  };
}

export const worded = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
export const nameless = (name: string) => name || '""';

import type { TFunction } from "i18next";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Area, Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { asError } from "@/shell/api";
import type { Cell } from "../sql/values";
import { elementsOf, type KeyType, type Pair } from "./elements";

export const EMPTY: readonly Pair[] = [{ first: "", second: "" }];

interface FieldsProps {
  type: KeyType;
  text: string;
  pairs: readonly Pair[];
  onText: (text: string) => void;
  onPairs: (pairs: readonly Pair[]) => void;
}

/** What is put into a value of this type: one text, one element a line, or pairs. */
export function ElementFields({ type, text, pairs, onText, onPairs }: FieldsProps) {
  const { t } = useTranslation();
  if (type === "string" || type === "list" || type === "set")
    return (
      <Field label={t("keys:value")} hint={type !== "string" && t("keys:eachLine")}>
        {(given) => (
          <Area
            {...given}
            rows={6}
            spellCheck={false}
            className="font-mono text-xs"
            value={text}
            onChange={(event) => onText(event.target.value)}
          />
        )}
      </Field>
    );
  const put = (at: number, patch: Partial<Pair>) =>
    onPairs(pairs.map((each, place) => (place === at ? { ...each, ...patch } : each)));
  const [left, right] = type === "zset" ? ["member", "score"] : ["field", "value"];
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 font-medium text-xs">{t("keys:value")}</legend>
      {pairs.map((each, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else of their own
        <div key={at} className="flex gap-1.5">
          <Input
            aria-label={t("keys:nth", { name: left, nth: at + 1 })}
            placeholder={left}
            className="font-mono"
            value={each.first}
            onChange={(event) => put(at, { first: event.target.value })}
          />
          <Input
            aria-label={t("keys:nth", { name: right, nth: at + 1 })}
            placeholder={right}
            className="font-mono"
            inputMode={type === "zset" ? "decimal" : undefined}
            value={each.second}
            onChange={(event) => put(at, { second: event.target.value })}
          />
          <Button
            look="quiet"
            size="icon"
            aria-label={t("keys:dropLine")}
            disabled={pairs.length === 1}
            icon={<X />}
            onClick={() => onPairs(pairs.filter((_, place) => place !== at))}
          />
        </div>
      ))}
      <Button look="quiet" size="small" className="w-fit" icon={<Plus />} onClick={() => onPairs([...pairs, ...EMPTY])}>
        {t("keys:line")}
      </Button>
    </fieldset>
  );
}

interface Props {
  type: KeyType;
  act: (put: Cell[]) => Promise<unknown>;
  onClose: () => void;
}

/** More elements for a key there is. */
export function ElementForm({ type, act, onClose }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [pairs, setPairs] = useState(EMPTY);
  async function save() {
    const made = said(t, () => elementsOf(type, text, pairs));
    await act(type === "list" ? made.map((each) => [null, each]) : made);
  }
  return (
    <FormDialog title={t("keys:add")} verb={t("keys:add")} save={save} onClose={onClose}>
      <ElementFields type={type} text={text} pairs={pairs} onText={setText} onPairs={setPairs} />
    </FormDialog>
  );
}

/** What was typed, or an error in words of why it is no value. */
export function said<T>(t: TFunction, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new Error(t(`keys:wrong.${asError(thrown).message}`));
  }
}

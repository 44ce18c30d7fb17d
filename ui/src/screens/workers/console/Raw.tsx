import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Area, Field, Input, Select } from "@/parts/Field";
import { METHODS, type Typed } from "./request";

interface Props {
  request: Typed;
  onChange: (request: Typed) => void;
}

export function MethodAndPath({ request, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <Select
        aria-label={t("code:method")}
        className="w-auto!"
        value={request.method}
        onChange={(event) => onChange({ ...request, method: event.target.value })}
      >
        {METHODS.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </Select>
      <Input
        aria-label={t("code:requestPath")}
        className="min-w-0 flex-1 basis-40 font-mono text-xs!"
        value={request.path}
        maxLength={8000}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        onChange={(event) => onChange({ ...request, path: event.target.value })}
      />
    </>
  );
}

interface RowsProps extends Props {
  legend: string;
  /** Those that have a control of their own. */
  elsewhere?: (name: string) => boolean;
}

export function HeaderRows({ request, onChange, legend, elsewhere = () => false }: RowsProps) {
  const { t } = useTranslation();
  const { headers } = request;
  const put = (next: Typed["headers"]) => onChange({ ...request, headers: next });
  const change = (at: number, name: string, value: string) =>
    put(headers.map((each, place) => (place === at ? [name, value] : each)));
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 font-medium text-xs">{legend}</legend>
      {headers.map(
        ([name, value], at) =>
          !elsewhere(name) && (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else of their own
            <div key={at} className="flex gap-1.5">
              <Input
                aria-label={t("code:headerName", { nth: at + 1 })}
                placeholder="content-type"
                className="font-mono text-xs!"
                value={name}
                spellCheck={false}
                onChange={(event) => change(at, event.target.value, value)}
              />
              <Input
                aria-label={t("code:headerValue", { nth: at + 1 })}
                className="font-mono text-xs!"
                value={value}
                spellCheck={false}
                onChange={(event) => change(at, name, event.target.value)}
              />
              <Button
                look="quiet"
                size="icon"
                aria-label={t("code:dropHeader", { nth: at + 1 })}
                icon={<X />}
                onClick={() => put(headers.filter((_, place) => place !== at))}
              />
            </div>
          ),
      )}
      <Button look="quiet" size="small" className="w-fit" icon={<Plus />} onClick={() => put([...headers, ["", ""]])}>
        {t("code:addHeader")}
      </Button>
    </fieldset>
  );
}

interface BodyProps extends Props {
  hint?: string | undefined;
  error?: string | undefined;
}

export function BodyText({ request, onChange, hint, error }: BodyProps) {
  const { t } = useTranslation();
  return (
    <Field label={t("code:body")} hint={request.encoded ? t("code:encoded") : hint} error={error}>
      {(given) => (
        <Area
          {...given}
          rows={6}
          spellCheck={false}
          className="font-mono text-xs!"
          value={request.body}
          onChange={(event) => onChange({ ...request, body: event.target.value })}
        />
      )}
    </Field>
  );
}

import { Plus, Save, Send, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Tip } from "@/parts/small";
import { hasBody, METHODS, type Typed } from "./request";

interface Props {
  request: Typed;
  busy: boolean;
  onChange: (request: Typed) => void;
  onSend: () => void;
  /** Nothing: nobody here may save cases. */
  onSave: (() => void) | null;
}

/** What is sent. */
export function RequestForm({ request, busy, onChange, onSend, onSave }: Props) {
  const { t } = useTranslation();
  const { method, path, headers, body } = request;
  const put = (patch: Partial<Typed>) => onChange({ ...request, ...patch });
  const header = (at: number, name: string, value: string) =>
    put({ headers: headers.map((each, place) => (place === at ? [name, value] : each)) });
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      <div className="flex flex-wrap gap-1.5">
        <Select
          aria-label={t("code:method")}
          className="w-auto!"
          value={method}
          onChange={(event) => put({ method: event.target.value })}
        >
          {METHODS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
        <Input
          aria-label={t("code:requestPath")}
          className="min-w-0 flex-1 basis-40 font-mono text-xs!"
          value={path}
          maxLength={8000}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          onChange={(event) => put({ path: event.target.value })}
        />
        <Tip text={t("code:send")} id="code.send">
          <Button look="primary" type="submit" icon={<Send />} busy={busy}>
            {t("code:send")}
          </Button>
        </Tip>
        {onSave && (
          <Button icon={<Save />} onClick={onSave}>
            {t("code:saveCase")}
          </Button>
        )}
      </div>
      <fieldset className="grid gap-1.5">
        <legend className="mb-1 font-medium text-xs">{t("code:headers")}</legend>
        {headers.map(([name, value], at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else of their own
          <div key={at} className="flex gap-1.5">
            <Input
              aria-label={t("code:headerName", { nth: at + 1 })}
              placeholder="content-type"
              className="font-mono text-xs!"
              value={name}
              spellCheck={false}
              onChange={(event) => header(at, event.target.value, value)}
            />
            <Input
              aria-label={t("code:headerValue", { nth: at + 1 })}
              className="font-mono text-xs!"
              value={value}
              spellCheck={false}
              onChange={(event) => header(at, name, event.target.value)}
            />
            <Button
              look="quiet"
              size="icon"
              aria-label={t("code:dropHeader", { nth: at + 1 })}
              icon={<X />}
              onClick={() => put({ headers: headers.filter((_, place) => place !== at) })}
            />
          </div>
        ))}
        <Button
          look="quiet"
          size="small"
          className="w-fit"
          icon={<Plus />}
          onClick={() => put({ headers: [...headers, ["", ""]] })}
        >
          {t("code:addHeader")}
        </Button>
      </fieldset>
      {hasBody(method) && (
        <Field label={t("code:body")} hint={request.encoded && t("code:encoded")}>
          {(given) => (
            <Area
              {...given}
              rows={6}
              spellCheck={false}
              className="font-mono text-xs!"
              value={body}
              onChange={(event) => put({ body: event.target.value })}
            />
          )}
        </Field>
      )}
    </form>
  );
}

import { Save, Send } from "lucide-react";
import type { RefObject } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Select } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { Tip } from "@/parts/small";
import { Filled } from "./Filled";
import type { Marks } from "./marks";
import { OwnDocument } from "./OwnDocument";
import type { Operation } from "./operations";
import { BodyText, HeaderRows, MethodAndPath } from "./Raw";
import { hasBody, type Typed } from "./request";
import { begun } from "./route";
import type { Own } from "./useOperations";

interface Props {
  form: RefObject<HTMLFormElement | null>;
  request: Typed;
  busy: boolean;
  /** What the worker declares, and which of it the request meets. */
  operations: readonly Operation[];
  operation: Operation | null;
  /** Where they come from, when it is the worker itself. */
  own: Own | null;
  /** Filled in by the schemas, else as it is written. */
  isFilled: boolean;
  onFilled: (isFilled: boolean) => void;
  marks: Marks;
  /** `name`: of the one value that changed; else it is another request. */
  onChange: (request: Typed, name?: string, operation?: Operation) => void;
  onSend: () => void;
  /** Nothing: nobody here may save cases. */
  onSave: (() => void) | null;
}

/** What is sent. */
export function RequestForm(props: Props) {
  const { t } = useTranslation();
  const { request, operations, operation, onChange, onSend, onSave, isFilled } = props;
  const filled = isFilled && operations.length > 0;
  return (
    <form
      ref={props.form}
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      <div className="grid gap-1.5">
        {operations.length > 0 && (
          <Segments
            label={t("code:fillIn")}
            value={filled ? "form" : "raw"}
            options={["form", "raw"].map((value) => ({ value, label: t(`code:fillWays.${value}`) }))}
            onChange={(value) => props.onFilled(value === "form")}
          />
        )}
        <div className="flex flex-wrap gap-1.5">
          {filled ? <Routes {...props} /> : <MethodAndPath request={request} onChange={onChange} />}
          <Tip text={t("code:send")} id="code.send">
            <Button look="primary" type="submit" icon={<Send />} busy={props.busy}>
              {t("code:send")}
            </Button>
          </Tip>
          {onSave && (
            <Button icon={<Save />} onClick={onSave}>
              {t("code:saveCase")}
            </Button>
          )}
        </div>
        {filled && (
          <p data-request="" className="break-all font-mono text-muted text-xs">
            {request.method} {request.path}
          </p>
        )}
        {props.own && <OwnDocument own={props.own} />}
        {filled && !operation && <p className="text-muted text-xs">{t("code:noRoute")}</p>}
      </div>
      {filled && operation ? (
        <Filled operation={operation} request={request} marks={props.marks} onChange={onChange} />
      ) : (
        <>
          <HeaderRows request={request} legend={t("code:headers")} onChange={onChange} />
          {hasBody(request.method) && <BodyText request={request} onChange={onChange} />}
        </>
      )}
    </form>
  );
}

function Routes({ request, operations, operation, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <Select
      aria-label={t("code:route")}
      className="min-w-0 flex-1 basis-40"
      value={operation?.id ?? ""}
      onChange={(event) => {
        const next = operations.find(({ id }) => id === event.target.value);
        if (next) onChange(begun(next, request), undefined, next);
      }}
    >
      {!operation && <option value="">{t("code:chooseRoute")}</option>}
      {operations.map(({ id, summary }) => (
        <option key={id} value={id}>
          {summary ? `${id} – ${summary}` : id}
        </option>
      ))}
    </Select>
  );
}

import { Plus, X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { bodyOf, put, withBody } from "./body";
import { Control, Kind, nameless, useHint, worded } from "./Control";
import { type Marks, nameOf, strays } from "./marks";
import type { Field, Operation, Place } from "./operations";
import { BodyText, HeaderRows } from "./Raw";
import { hasBody, isHeader, type Typed } from "./request";
import { textsOf, withTexts } from "./route";
import { Value } from "./Value";

interface Props {
  operation: Operation;
  request: Typed;
  marks: Marks;
  /** `name`: of the value that is another one now. */
  onChange: (request: Typed, name: string) => void;
}

/** The values of a declared route, each with a control by its schema. */
export function Filled(props: Props) {
  const { t } = useTranslation();
  const { operation, request, onChange } = props;
  const { headers } = operation.parts;
  return (
    <>
      <Part {...props} place="params" title={t("code:pathParts")} />
      <Part {...props} place="query" title={t("code:query")} />
      <Part {...props} place="headers" title={t("code:headers")} />
      {operation.body && hasBody(operation.method) && <Body {...props} field={operation.body} />}
      <HeaderRows
        request={request}
        legend={t(headers.length > 0 ? "code:otherHeaders" : "code:headers")}
        elsewhere={(name) => headers.some((each) => isHeader(name, each.name))}
        onChange={(next) => onChange(next, "headers")}
      />
    </>
  );
}

function Part({ place, title, ...props }: Props & { place: Place; title: string }) {
  const fields = props.operation.parts[place];
  const names = fields.map(({ name }) => nameOf(place, [name]));
  const others = strays(props.marks, place, names);
  if (fields.length === 0 && others.length === 0) return null;
  return (
    <fieldset className="min-w-0">
      <legend className="mb-2 font-semibold text-sm">{title}</legend>
      {others.map((each) => (
        <p key={each} className="mb-2 text-bad text-xs">
          {each}
        </p>
      ))}
      <div className="grid items-start gap-x-4 gap-y-3 sm:grid-cols-2">
        {fields.map((field) => (
          <Texts key={field.name} {...props} place={place} field={field} />
        ))}
      </div>
    </fieldset>
  );
}

interface TextsProps extends Props {
  place: Place;
  field: Field;
}

/** A value that is text in a request: one, or several of the same name. */
function Texts({ operation, request, marks, onChange, place, field }: TextsProps) {
  const { t } = useTranslation();
  const { shape } = field;
  const hint = useHint()(field.schema);
  const label = nameless(field.name);
  const name = nameOf(place, [field.name]);
  const texts = textsOf(operation, request, place, field.name);
  const set = (next: readonly string[]) => onChange(withTexts(operation, request, place, field.name, next), name);
  if (shape.kind !== "list" || place !== "query")
    return (
      <One
        field={field}
        label={label}
        text={texts[0] ?? ""}
        always={place === "params"}
        error={strays(marks, name, [])[0]}
        onText={(text) => set(text === "" && !(field.required && place === "query") ? [] : [text])}
      />
    );
  return (
    <fieldset className="grid content-start gap-1.5">
      <legend className="sr-only">{label}</legend>
      <div className="flex justify-between gap-2">
        <span aria-hidden className="font-medium text-xs">
          {label}
        </span>
        <span className="text-faint text-xs">
          <Kind of={field} />
        </span>
      </div>
      {texts.map((text, nth) => (
        <One
          // biome-ignore lint/suspicious/noArrayIndexKey: texts have nothing else of their own
          key={nth}
          field={shape.item()}
          label={`${label}[${nth}]`}
          text={text}
          always
          error={marks[nameOf(place, [field.name, nth])]}
          aside={
            <Button
              look="quiet"
              size="icon"
              aria-label={t("code:dropValue", { name: `${label}[${nth}]` })}
              icon={<X />}
              onClick={() => set(texts.filter((_, at) => at !== nth))}
            />
          }
          onText={(next) => set(texts.map((each, at) => (at === nth ? next : each)))}
        />
      ))}
      <p className="text-muted text-xs empty:hidden">{hint}</p>
      {strays(
        marks,
        name,
        texts.map((_, nth) => nameOf(place, [field.name, nth])),
      ).map((each) => (
        <p key={each} className="text-bad text-xs">
          {each}
        </p>
      ))}
      <Button size="small" look="quiet" className="w-fit" icon={<Plus />} onClick={() => set([...texts, ""])}>
        {t("code:addItem", { name: label })}
      </Button>
    </fieldset>
  );
}

interface OneProps {
  field: Field;
  label: string;
  text: string;
  always?: boolean;
  error?: string | undefined;
  aside?: ReactNode;
  onText: (text: string) => void;
}

function One(props: OneProps) {
  const { shape } = props.field;
  const values = shape.kind === "choice" ? shape.options : shape.kind === "boolean" ? [true, false] : null;
  return <Control {...props} options={values?.map((each) => [worded(each), worded(each)] as const) ?? null} />;
}

function Body({ request, marks, onChange, field }: Props & { field: Field }) {
  const { t } = useTranslation();
  const found = bodyOf(request);
  if (found === null || field.shape.kind === "raw")
    return (
      <BodyText
        request={request}
        hint={found === null ? t("code:bodyAsText") : undefined}
        error={strays(marks, "body", []).join(" · ") || undefined}
        onChange={(next) => onChange(next, "body")}
      />
    );
  const body = found === "missing" ? undefined : found.value;
  return (
    <Value
      field={field}
      path={[]}
      label={t("code:body")}
      filling={{
        body,
        marks,
        put: (path, value) => onChange(withBody(request, put(body, path, value)), nameOf("body", path)),
      }}
    />
  );
}

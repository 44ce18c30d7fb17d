import { Plus, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { Area, Field as Labelled } from "@/parts/Field";
import { at, blankOf, firstOf, isObject, meant, type Path, readJson, textOf } from "./body";
import { Control, Kind, nameless, useHint, worded } from "./Control";
import { type Marks, nameOf, strays } from "./marks";
import type { Field } from "./operations";

/** The whole body, and how a part of it becomes another. */
export interface Filling {
  body: unknown;
  marks: Marks;
  put: (path: Path, value: unknown) => void;
}

interface Props {
  field: Field;
  path: Path;
  filling: Filling;
  label: string;
  /** Of a list: there is no item without a value. */
  isItem?: boolean;
  /** Takes an item away. */
  aside?: ReactNode;
}

/** A value of a JSON body by its schema, and what is in it. */
export function Value(props: Props) {
  const { field, path, filling } = props;
  const { kind } = field.shape;
  const value = at(filling.body, path);
  const isEmpty = value === undefined || value === null;
  if (kind === "object" && (isEmpty || isObject(value))) return <Members {...props} />;
  if (kind === "list" && (isEmpty || Array.isArray(value))) return <Items {...props} />;
  const isSingle =
    kind === "choice" ||
    (kind === "boolean" && (isEmpty || typeof value === "boolean")) ||
    (kind === "text" && (isEmpty || typeof value === "string")) ||
    ((kind === "number" || kind === "integer") && (isEmpty || ["number", "string"].includes(typeof value)));
  return isSingle ? <Single {...props} /> : <Json {...props} />;
}

const markOf = ({ filling, path }: Props) => strays(filling.marks, nameOf("body", path), []).join(" · ") || undefined;

function Single(props: Props) {
  const { field, path, filling, label, isItem = false, aside } = props;
  const value = at(filling.body, path);
  const [typed, setTyped] = useState("");
  // `1.` and `1.0` are on the way to another number: what is typed stays as long as it stands for what is there.
  const text = typed !== "" && meant(field, typed, isItem) === value ? typed : textOf(field, value);
  const { shape } = field;
  const options =
    shape.kind === "choice"
      ? shape.options.map((each) => [JSON.stringify(each), worded(each)] as const)
      : shape.kind === "boolean"
        ? ["true", "false"].map((each) => [each, each] as const)
        : null;
  return (
    <Control
      field={field}
      label={label}
      text={text}
      options={options}
      always={isItem}
      error={markOf(props)}
      aside={aside}
      onText={(next) => {
        setTyped(next);
        filling.put(path, meant(field, next, isItem));
      }}
    />
  );
}

/** What no control says, as JSON. */
function Json(props: Props) {
  const { t } = useTranslation();
  const { field, path, filling, label, isItem = false, aside } = props;
  const hint = useHint()(field.schema);
  const value = at(filling.body, path);
  const now = written(value);
  const [typed, setTyped] = useState({ text: now, of: now });
  const text = typed.of === now ? typed.text : now;
  function type(next: string) {
    const isNone = next.trim() === "" && !isItem;
    const found = isNone ? { value: undefined } : readJson(next);
    setTyped({ text: next, of: found ? written(found.value) : now });
    if (found) filling.put(path, found.value);
  }
  return (
    <Labelled
      label={label}
      hint={hint}
      error={readJson(text) || (text.trim() === "" && !isItem) ? markOf(props) : t("code:noJson")}
      aside={<Kind of={field} isItem={isItem} />}
    >
      {(given) => (
        <div className="flex gap-1.5">
          <Area
            {...given}
            rows={Math.min(8, Math.max(3, text.split("\n").length))}
            spellCheck={false}
            placeholder="JSON"
            className="font-mono text-xs!"
            value={text}
            onChange={(event) => type(event.target.value)}
          />
          {aside}
        </div>
      )}
    </Labelled>
  );
}

const written = (value: unknown) => (value === undefined ? "" : JSON.stringify(value, null, 2));

function Members(props: Props) {
  const { t } = useTranslation();
  const { field, path, filling, label, isItem = false, aside } = props;
  const isThere = isObject(at(filling.body, path));
  const first = firstOf(field);
  const fields = field.shape.kind === "object" ? field.shape.fields() : [];
  const names = fields.map(({ name }) => nameOf("body", [...path, name]));
  return (
    <Group
      field={field}
      label={label}
      isItem={isItem}
      isRoot={path.length === 0}
      marks={strays(filling.marks, nameOf("body", path), isThere ? names : [])}
      aside={
        aside ??
        (isThere && !isItem && !field.required && (
          <Drop label={t("code:dropValue", { name: label })} onClick={() => filling.put(path, undefined)} />
        ))
      }
    >
      {isThere ? (
        <div className="grid items-start gap-x-4 gap-y-3 sm:grid-cols-2">
          {fields.map((each) => (
            <div key={each.name} className={cx("min-w-0", isWide(each) && "sm:col-span-2")}>
              <Value field={each} path={[...path, each.name]} filling={filling} label={nameless(each.name)} />
            </div>
          ))}
        </div>
      ) : (
        <Add
          text={t("code:addValue", { name: label })}
          onClick={() => filling.put(path, isObject(first) ? first : {})}
        />
      )}
    </Group>
  );
}

const isWide = ({ shape }: Field) => ["object", "list", "raw"].includes(shape.kind);

function Items(props: Props) {
  const { t } = useTranslation();
  const { field, path, filling, label, isItem = false, aside } = props;
  const value = at(filling.body, path);
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const item = field.shape.kind === "list" ? field.shape.item() : null;
  const names = items.map((_, nth) => nameOf("body", [...path, nth]));
  function drop(nth: number) {
    const left = items.filter((_, place) => place !== nth);
    filling.put(path, left.length === 0 && !field.required && !isItem ? undefined : left);
  }
  return (
    <Group
      field={field}
      label={label}
      isItem={isItem}
      isRoot={path.length === 0}
      marks={strays(filling.marks, nameOf("body", path), names)}
      aside={aside}
    >
      {item &&
        items.map((_, nth) => (
          <Value
            // biome-ignore lint/suspicious/noArrayIndexKey: items have nothing else of their own
            key={nth}
            field={item}
            path={[...path, nth]}
            filling={filling}
            label={`${label}[${nth}]`}
            isItem
            aside={<Drop label={t("code:dropValue", { name: `${label}[${nth}]` })} onClick={() => drop(nth)} />}
          />
        ))}
      {item && (
        <Add text={t("code:addItem", { name: label })} onClick={() => filling.put(path, [...items, blankOf(item)])} />
      )}
    </Group>
  );
}

interface GroupProps {
  field: Field;
  label: string;
  isItem: boolean;
  isRoot: boolean;
  /** What was said of it, and of what is in it and has no control. */
  marks: readonly string[];
  aside: ReactNode;
  children: ReactNode;
}

function Group({ field, label, isItem, isRoot, marks, aside, children }: GroupProps) {
  const { description, type } = field.schema;
  return (
    <fieldset className={cx("min-w-0", !isRoot && "border-strong-line/60 border-l-2 pl-3")}>
      <legend className="sr-only">{label}</legend>
      <div className="grid gap-2.5">
        <div className="flex min-h-6 items-center gap-2">
          <span aria-hidden className={isRoot ? "font-semibold text-sm" : "font-medium text-xs"}>
            {label}
          </span>
          <span className="flex-1" />
          <span className="text-faint text-xs">{type && <Kind of={field} isItem={isItem} />}</span>
          {aside}
        </div>
        {description && <p className="-mt-2 text-muted text-xs">{description}</p>}
        {marks.map((each) => (
          <p key={each} className="-mt-1 text-bad text-xs">
            {each}
          </p>
        ))}
        {children}
      </div>
    </fieldset>
  );
}

function Add({ text, onClick }: { text: string; onClick: () => void }) {
  return (
    <Button size="small" look="quiet" className="w-fit" icon={<Plus />} onClick={onClick}>
      {text}
    </Button>
  );
}

function Drop({ label, onClick }: { label: string; onClick: () => void }) {
  return <Button size="icon" look="quiet" className="-my-1" aria-label={label} icon={<X />} onClick={onClick} />;
}

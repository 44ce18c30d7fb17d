import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ShapeOut, tableAlter, tableCreate, tableDrop } from "@/api";
import { Button } from "@/parts/Button";
import { Field, Input } from "@/parts/Field";
import { data } from "@/shell/api";
import { ShapeDialog } from "./ShapeDialog";

interface Wish {
  name: string;
  type: string;
  required: boolean;
  key: boolean;
}

const WISH: Wish = { name: "", type: "", required: false, key: false };
const FIRST: readonly Wish[] = [{ name: "id", type: "integer", required: true, key: true }, WISH];

interface ColumnsProps {
  wishes: readonly Wish[];
  keys: boolean;
  onChange: (wishes: readonly Wish[]) => void;
}

function Columns({ wishes, keys, onChange }: ColumnsProps) {
  const { t } = useTranslation();
  const put = (at: number, patch: Partial<Wish>) =>
    onChange(wishes.map((each, place) => (place === at ? { ...each, ...patch } : each)));
  const flags = keys ? (["required", "key"] as const) : (["required"] as const);
  return (
    <fieldset className="grid gap-1.5">
      <legend className="mb-1 font-medium text-xs">{t("tables:columns")}</legend>
      {wishes.map((each, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing else of their own
        <div key={at} className="flex flex-wrap items-center gap-1.5">
          {(["name", "type"] as const).map((part) => (
            <Input
              key={part}
              aria-label={`${t(`tables:head.${part}`)} ${at + 1}`}
              placeholder={t(`tables:head.${part}`)}
              spellCheck={false}
              className="min-w-28 flex-1 font-mono"
              value={each[part]}
              onChange={(event) => put(at, { [part]: event.target.value })}
            />
          ))}
          {flags.map((flag) => (
            <label key={flag} className="flex items-center gap-1 text-xs">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={each[flag]}
                onChange={(event) => put(at, { [flag]: event.target.checked })}
              />
              {t(flag === "key" ? "tables:primaryKey" : "tables:required")}
            </label>
          ))}
          <Button
            look="quiet"
            size="icon"
            aria-label={t("tables:dropLine")}
            disabled={wishes.length === 1}
            icon={<X />}
            onClick={() => onChange(wishes.filter((_, place) => place !== at))}
          />
        </div>
      ))}
      <Button look="quiet" size="small" className="w-fit" icon={<Plus />} onClick={() => onChange([...wishes, WISH])}>
        {t("tables:moreColumn")}
      </Button>
    </fieldset>
  );
}

const said = (wishes: readonly Wish[]) => wishes.filter(({ name }) => name !== "");
const shapeOf = ({ name, type, required }: Wish) => ({ name, type, nullable: !required });

interface Props {
  database: string;
  onDone: (table?: string) => void;
  onClose: () => void;
}

export function CreateTable({ database, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [wishes, setWishes] = useState(FIRST);
  return (
    <ShapeDialog
      title={t("tables:create")}
      verb={t("tables:create")}
      able={name !== "" && said(wishes).length > 0}
      ask={(preview) =>
        data(
          tableCreate({
            path: { database_id: database },
            query: { preview },
            body: {
              name,
              columns: said(wishes).map(shapeOf),
              primary_key: said(wishes).flatMap((each) => (each.key ? [each.name] : [])),
            },
          }),
        )
      }
      onDone={() => onDone(name)}
      onClose={onClose}
    >
      <Field label={t("tables:tableName")}>
        {(given) => (
          <Input
            {...given}
            autoFocus
            spellCheck={false}
            className="font-mono"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Columns wishes={wishes} keys onChange={setWishes} />
    </ShapeDialog>
  );
}

interface OneProps extends Props {
  shape: ShapeOut;
}

/** Another name, more columns, fewer columns. */
export function AlterTable({ database, shape, onDone, onClose }: OneProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(shape.name);
  const [wishes, setWishes] = useState<readonly Wish[]>([WISH]);
  const [dropped, setDropped] = useState<readonly string[]>([]);
  const toggle = (column: string, on: boolean) =>
    setDropped(on ? [...dropped, column] : dropped.filter((each) => each !== column));
  return (
    <ShapeDialog
      title={t("tables:alterTitle", { name: shape.name })}
      lead={t("tables:alterLead")}
      verb={t("tables:alter")}
      danger={dropped.length > 0}
      able={name !== "" && (name !== shape.name || said(wishes).length > 0 || dropped.length > 0)}
      ask={(preview) =>
        data(
          tableAlter({
            path: { database_id: database, table: shape.name },
            query: { schema: shape.schema, preview },
            body: {
              ...(name !== shape.name && { rename: name }),
              add_columns: said(wishes).map(shapeOf),
              drop_columns: [...dropped],
            },
          }),
        )
      }
      onDone={() => onDone(name)}
      onClose={onClose}
    >
      <Field label={t("tables:tableName")}>
        {(given) => (
          <Input
            {...given}
            spellCheck={false}
            className="font-mono"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Columns wishes={wishes} keys={false} onChange={setWishes} />
      <fieldset className="grid gap-1">
        <legend className="mb-1 font-medium text-xs">{t("tables:dropColumns")}</legend>
        <div className="flex flex-wrap gap-x-4 gap-y-1">
          {shape.columns.map((column) => (
            <label key={column.name} className="flex items-center gap-1.5 font-mono text-xs">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={dropped.includes(column.name)}
                onChange={(event) => toggle(column.name, event.target.checked)}
              />
              {column.name}
            </label>
          ))}
        </div>
      </fieldset>
    </ShapeDialog>
  );
}

export function DropTable({ database, shape, onDone, onClose }: OneProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  return (
    <ShapeDialog
      title={t("tables:dropTitle", { name: shape.name })}
      lead={t("tables:dropLead")}
      verb={t("tables:drop")}
      danger
      able={typed === shape.name}
      ask={(preview) =>
        data(
          tableDrop({
            path: { database_id: database, table: shape.name },
            query: { schema: shape.schema, preview },
            body: { confirm: typed },
          }),
        )
      }
      onDone={() => onDone()}
      onClose={onClose}
    >
      <Field label={t("shell:typeName", { name: shape.name })}>
        {(given) => (
          <Input
            {...given}
            autoFocus
            autoComplete="off"
            spellCheck={false}
            className="font-mono"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
    </ShapeDialog>
  );
}

import { useId } from "react";
import { useTranslation } from "react-i18next";
import type {
  HoldfastFeaturesTransfersWireFileIn as FileIn,
  HoldfastFeaturesTransfersWirePreviewOut as Preview,
  UploadOut,
} from "@/api";
import { cx } from "@/parts/classes";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { Badge, Skeleton } from "@/parts/small";
import { bytes } from "@/parts/text";
import { asError } from "@/shell/api";
import { textOf } from "../sql/values";
import { KINDS, type Plan } from "./plan";

const FORMATS = ["csv", "json", "ndjson", "sql", "parquet"] as const;
const ORDERS = ["ymd", "dmy", "mdy"] as const;
const SHOWN = 5;

interface Props {
  upload: UploadOut;
  plan: Plan;
  table: string;
  onChange: (plan: Plan) => void;
  tables: readonly string[];
  preview: Preview | undefined;
  error: unknown;
  isFetching: boolean;
  targets: readonly string[];
}

/** What the file is, where it goes, and its first rows; every change asks the server again. */
export function Look({ upload, plan, table, onChange, tables, preview, error, isFetching, targets }: Props) {
  const { t } = useTranslation();
  const list = useId();
  if (!preview && !error) return <Skeleton className="h-40" />;
  const script = preview?.format === "sql";
  return (
    <>
      {preview && (
        <p className="flex flex-wrap items-center gap-2 text-muted text-sm">
          <Badge>{t(`transfers:formats.${preview.format}`, { defaultValue: preview.format })}</Badge>
          {preview.compression !== "none" && <Badge>{preview.compression}</Badge>}
          <span>{bytes(upload.size)}</span>
          {!preview.sure && <Badge tone="warn">{t("transfers:unsure")}</Badge>}
          {isFetching && <span className="text-xs">{t("transfers:looking")}</span>}
        </p>
      )}
      {!script && (
        <Field
          label={t("transfers:into")}
          hint={preview && t(preview.new_table ? "transfers:newTable" : "transfers:thatTable")}
        >
          {(given) => (
            <>
              <Input
                {...given}
                required
                list={list}
                autoComplete="off"
                spellCheck={false}
                maxLength={200}
                value={table}
                onChange={(event) => onChange({ ...plan, table: event.target.value, columns: {}, types: {} })}
              />
              <datalist id={list}>
                {tables.map((name) => (
                  <option key={name} value={name} />
                ))}
              </datalist>
            </>
          )}
        </Field>
      )}
      <Reading plan={plan} preview={preview} onChange={onChange} />
      {error ? <ErrorText error={asError(error)} /> : null}
      {preview && !script && <Mapping plan={plan} preview={preview} targets={targets} onChange={onChange} />}
      {preview && script && (
        <pre className="max-h-72 overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs">
          {preview.rows.map((row) => textOf(row[0])).join("\n")}
        </pre>
      )}
    </>
  );
}

function Reading({ plan, preview, onChange }: Pick<Props, "plan" | "preview" | "onChange">) {
  const { t } = useTranslation();
  const file = plan.file;
  const set = (patch: FileIn) => onChange({ ...plan, file: { ...file, ...patch } });
  const text = (name: "delimiter" | "quote" | "null" | "encoding", most: number) => (
    <Field label={t(`transfers:${name}`)}>
      {(given) => (
        <Input
          {...given}
          maxLength={most}
          className="font-mono"
          placeholder={String(preview?.dialect?.[name] ?? t("transfers:guessed"))}
          value={file[name] ?? ""}
          onChange={(event) => set({ [name]: event.target.value === "" ? null : event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <details className="rounded-md border px-3 py-2">
      <summary className="font-medium text-muted text-xs hover:text-text">{t("transfers:reading")}</summary>
      <div className="mt-3 grid gap-3 sm:grid-cols-3">
        <Field label={t("transfers:format")}>
          {(given) => (
            <Select
              {...given}
              value={file.format ?? ""}
              onChange={(event) => set({ format: (event.target.value || null) as FileIn["format"] })}
            >
              <option value="">{t("transfers:guessed")}</option>
              {FORMATS.map((each) => (
                <option key={each} value={each}>
                  {t(`transfers:formats.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {text("delimiter", 1)}
        {text("quote", 1)}
        <Field label={t("transfers:header")}>
          {(given) => (
            <Select
              {...given}
              value={file.header === null || file.header === undefined ? "" : String(file.header)}
              onChange={(event) => set({ header: event.target.value === "" ? null : event.target.value === "true" })}
            >
              <option value="">{t("transfers:guessed")}</option>
              <option value="true">{t("transfers:yes")}</option>
              <option value="false">{t("transfers:no")}</option>
            </Select>
          )}
        </Field>
        {text("null", 32)}
        {text("encoding", 40)}
        <Field label={t("transfers:dates")}>
          {(given) => (
            <Select
              {...given}
              value={file.date_order ?? "ymd"}
              onChange={(event) => set({ date_order: event.target.value as (typeof ORDERS)[number] })}
            >
              {ORDERS.map((each) => (
                <option key={each} value={each}>
                  {t(`transfers:orders.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </div>
    </details>
  );
}

interface MappingProps {
  plan: Plan;
  preview: Preview;
  targets: readonly string[];
  onChange: (plan: Plan) => void;
}

function Mapping({ plan, preview, targets, onChange }: MappingProps) {
  const { t } = useTranslation();
  const goes = (name: string, column: string) => onChange({ ...plan, columns: { ...plan.columns, [name]: column } });
  return (
    <div className="grid gap-2">
      <h3 className="font-medium text-xs">{t("transfers:columns")}</h3>
      <div className="overflow-x-auto rounded-md border">
        <table className="w-full text-left text-xs">
          <thead className="text-muted">
            <tr className="border-b">
              <th className="px-2 py-1.5 font-medium">{t("transfers:inFile")}</th>
              <th className="px-2 py-1.5 font-medium">{t("transfers:goesTo")}</th>
              <th className="px-2 py-1.5 font-medium">{t("transfers:type")}</th>
              <th className="px-2 py-1.5 font-medium">{t("transfers:firstRows")}</th>
            </tr>
          </thead>
          <tbody>
            {preview.columns.map(({ name, kind, column }, at) => (
              <tr key={name} className="border-b last:border-b-0">
                <td className="max-w-40 truncate px-2 py-1 font-mono" title={name}>
                  {name}
                </td>
                <td className="min-w-36 px-2 py-1">
                  {preview.new_table ? (
                    <Input
                      aria-label={t("transfers:goesToOf", { name })}
                      value={column ?? ""}
                      placeholder={t("transfers:leftOut")}
                      onChange={(event) => goes(name, event.target.value)}
                    />
                  ) : (
                    <Select
                      aria-label={t("transfers:goesToOf", { name })}
                      value={column ?? ""}
                      className={cx(!column && "text-muted")}
                      onChange={(event) => goes(name, event.target.value)}
                    >
                      <option value="">{t("transfers:leftOut")}</option>
                      {[...new Set([...targets, ...(column ? [column] : [])])].map((each) => (
                        <option key={each}>{each}</option>
                      ))}
                    </Select>
                  )}
                </td>
                <td className="min-w-28 px-2 py-1 text-muted">
                  {preview.new_table ? (
                    <Select
                      aria-label={t("transfers:typeOf", { name })}
                      value={plan.types[name] ?? kind}
                      onChange={(event) =>
                        onChange({ ...plan, types: { ...plan.types, [name]: event.target.value as never } })
                      }
                    >
                      {[...new Set([kind, ...KINDS])].map((each) => (
                        <option key={each}>{each}</option>
                      ))}
                    </Select>
                  ) : (
                    kind
                  )}
                </td>
                <td className="max-w-56 truncate px-2 py-1 font-mono text-muted">
                  {preview.rows
                    .slice(0, SHOWN)
                    .map((row) => (row[at] === null ? "NULL" : textOf(row[at])))
                    .join(" · ")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {preview.unfilled.length > 0 && (
        <p className="rounded-md bg-warn-soft px-3 py-2 text-warn text-xs">
          {t("transfers:unfilled", { list: preview.unfilled.join(", ") })}
        </p>
      )}
      {preview.notes.map((note) => (
        <p key={note} className="text-muted text-xs">
          {note}
        </p>
      ))}
    </div>
  );
}

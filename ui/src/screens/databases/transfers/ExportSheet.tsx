import { useMutation, useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type CsvOutIn, type DatabaseOut, type EngineOut, type ExportIn, exportCreate, tableList } from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { bytes } from "@/parts/text";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { Following } from "../../activity/Following";

const FORMATS = ["csv", "json", "ndjson", "sql", "parquet"] as const;
const PACKINGS = ["none", "gzip", "zstd"] as const;
const WHATS = ["table", "query", "all"] as const;
type What = (typeof WHATS)[number];

interface Props {
  database: DatabaseOut;
  engine: EngineOut | undefined;
  onClose: () => void;
}

/** A table, the rows of a query or the whole database, written into a file by a run. */
export function ExportSheet({ database, onClose }: Props) {
  const { t } = useTranslation();
  const [what, setWhat] = useState<What>("table");
  const [table, setTable] = useState("");
  const [statement, setStatement] = useState("");
  const [format, setFormat] = useState<(typeof FORMATS)[number]>("csv");
  const [compression, setCompression] = useState<(typeof PACKINGS)[number]>("none");
  const [csv, setCsv] = useState<CsvOutIn>({ delimiter: ",", header: true, formula_safe: false });
  const [key] = useState(once);
  const { data: tables } = useQuery({
    queryKey: ["databases", database.id, "tables", "names"],
    queryFn: async () => (await data(tableList({ path: { database_id: database.id }, query: { limit: 200 } }))).items,
  });
  const names = (tables ?? []).map((each) => (each.schema ? `${each.schema}.${each.name}` : each.name));
  const chosen = table || names[0] || "";
  const body: ExportIn = {
    format: what === "all" ? "sql" : format,
    compression,
    ...(what === "table" && { table: chosen }),
    ...(what === "query" && { statement }),
    ...(what !== "all" && format === "csv" && { csv }),
  };
  const start = useMutation({
    mutationFn: () => data(exportCreate({ path: { database_id: database.id }, body, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["exports"] }),
  });
  const begun = start.data;
  const able = what === "all" || (what === "table" ? chosen !== "" : statement.trim() !== "");
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("transfers:export")}
      lead={begun ? begun.export.name : t("transfers:exportLead")}
      foot={
        begun ? (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{t("shell:cancel")}</Button>
            <Button look="primary" type="submit" form="export-form" disabled={!able} busy={start.isPending}>
              {t("transfers:export")}
            </Button>
          </>
        )
      }
    >
      {begun ? (
        <Following run={begun.run} label={t("transfers:export")} nouns={["exports"]}>
          {(run) => (
            <div className="grid justify-items-start gap-2">
              <p>{t("transfers:written", { size: bytes(Number(run.result?.bytes ?? 0)) })}</p>
              <p className="break-all font-mono text-muted text-xs">SHA-256 {String(run.result?.sha256 ?? "")}</p>
              <Button asChild look="primary">
                <a href={`/api/v1/exports/${begun.export.id}/content`} download>
                  <Download aria-hidden />
                  {t("transfers:download")}
                </a>
              </Button>
              <p className="text-muted text-xs">{t("transfers:keptDay")}</p>
            </div>
          )}
        </Following>
      ) : (
        <form
          id="export-form"
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (able) start.mutate();
          }}
        >
          <Segments
            label={t("transfers:what")}
            value={what}
            options={WHATS.map((value) => ({ value, label: t(`transfers:whats.${value}`) }))}
            onChange={(value) => setWhat(value as What)}
          />
          {what === "table" && (
            <Field label={t("transfers:table")}>
              {(given) => (
                <Select {...given} value={chosen} onChange={(event) => setTable(event.target.value)}>
                  {names.map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {what === "query" && (
            <Field label={t("transfers:statement")} hint={t("transfers:statementHint")}>
              {(given) => (
                <Area
                  {...given}
                  className="font-mono text-xs"
                  spellCheck={false}
                  value={statement}
                  onChange={(event) => setStatement(event.target.value)}
                />
              )}
            </Field>
          )}
          {what !== "all" && (
            <Field label={t("transfers:format")}>
              {(given) => (
                <Select {...given} value={format} onChange={(event) => setFormat(event.target.value as typeof format)}>
                  {FORMATS.map((each) => (
                    <option key={each} value={each}>
                      {t(`transfers:formats.${each}`)}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {what !== "all" && format === "csv" && <CsvOptions csv={csv} onChange={setCsv} />}
          <Field label={t("transfers:compression")}>
            {(given) => (
              <Select
                {...given}
                value={compression}
                onChange={(event) => setCompression(event.target.value as typeof compression)}
              >
                {PACKINGS.map((each) => (
                  <option key={each} value={each}>
                    {each === "none" ? t("transfers:noCompression") : each}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {start.error && <ErrorText error={asError(start.error)} />}
        </form>
      )}
    </Dialog>
  );
}

function CsvOptions({ csv, onChange }: { csv: CsvOutIn; onChange: (csv: CsvOutIn) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Field label={t("transfers:delimiter")}>
        {(given) => (
          <Input
            {...given}
            required
            maxLength={1}
            className="w-16 font-mono"
            value={csv.delimiter ?? ","}
            onChange={(event) => onChange({ ...csv, delimiter: event.target.value })}
          />
        )}
      </Field>
      <Checkbox
        label={t("transfers:header")}
        checked={csv.header ?? true}
        onChange={(header) => onChange({ ...csv, header })}
      />
      <Checkbox
        label={t("transfers:formulaSafe")}
        hint={t("transfers:formulaSafeHint")}
        checked={csv.formula_safe ?? false}
        onChange={(formula_safe) => onChange({ ...csv, formula_safe })}
      />
    </>
  );
}

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type ImportIn, importCreate, type UploadOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { Following } from "../../activity/Following";
import { BadRows, Imported } from "./ImportReport";
import { ImportRules } from "./ImportRules";
import { Look } from "./Look";
import { PickFile } from "./PickFile";
import { bodyOf, type Plan, tableOf } from "./plan";
import { usePreview } from "./usePreview";

interface Props {
  database: DatabaseOut;
  /** A file that is there already, whole or in part. */
  given: UploadOut | null;
  onClose: () => void;
}

/** A file, what it is and where its columns go, then the run that imports it, and its report. */
export function ImportWizard({ database, given, onClose }: Props) {
  const { t } = useTranslation();
  const [upload, setUpload] = useState<UploadOut | null>(given?.state === "complete" ? given : null);
  const [busy, setBusy] = useState(false);
  const frame = (body: ReactNode, foot?: ReactNode) => (
    <Dialog
      open
      as="sheet"
      wide
      stays={busy}
      onOpenChange={(open) => !open && onClose()}
      title={t("transfers:import")}
      lead={upload ? upload.name : t("transfers:importLead")}
      foot={foot}
    >
      {body}
    </Dialog>
  );
  if (!upload)
    return frame(
      <PickFile database={database} unfinished={given} onBusy={setBusy} onDone={setUpload} />,
      !busy && <Button onClick={onClose}>{t("shell:cancel")}</Button>,
    );
  return <Arranged database={database} upload={upload} frame={frame} onClose={onClose} />;
}

interface ArrangedProps {
  database: DatabaseOut;
  upload: UploadOut;
  frame: (body: ReactNode, foot?: ReactNode) => ReactNode;
  onClose: () => void;
}

function Arranged({ database, upload, frame, onClose }: ArrangedProps) {
  const { t } = useTranslation();
  const [plan, setPlan] = useState<Plan>({
    table: null,
    columns: {},
    types: {},
    conflict: "fail",
    errors: 0,
    file: {},
  });
  const [key, setKey] = useState(once);
  const found = usePreview(database, upload, plan);
  const { preview, tables } = found;
  const script = preview?.format === "sql";
  const table = plan.table ?? tableOf(upload.name, tables);
  const start = useMutation({
    mutationFn: (body: ImportIn) => data(importCreate({ path: { database_id: database.id }, body, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()), // what is sent next is another request
    onSuccess: () => {
      for (const noun of ["imports", "uploads"]) void queries.invalidateQueries({ queryKey: [noun] });
    },
  });
  const begun = start.data;
  if (begun)
    return frame(
      <Following
        run={begun.run}
        label={t("transfers:import")}
        nouns={["imports", "uploads", "databases"]}
        failed={(run) => (
          <div className="grid gap-3">
            <p className="font-medium">{t("transfers:nothingWritten")}</p>
            {run.error?.code === "bad_rows" && <BadRows id={begun.import.id} />}
          </div>
        )}
      >
        {(run) => <Imported id={begun.import.id} result={run.result ?? {}} />}
      </Following>,
      <Button onClick={onClose}>{t("shell:close")}</Button>,
    );
  return frame(
    <form
      id="import-form"
      className="grid grid-cols-[minmax(0,1fr)] gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate(bodyOf(upload, plan, table, script));
      }}
    >
      <Look upload={upload} plan={plan} table={table} onChange={setPlan} {...found} />
      {preview && !script && <ImportRules plan={plan} fresh={preview.new_table} onChange={setPlan} />}
      {start.error && <ErrorText error={asError(start.error)} />}
    </form>,
    <>
      <Button onClick={onClose}>{t("shell:cancel")}</Button>
      <Button look="primary" type="submit" form="import-form" busy={start.isPending} disabled={!preview}>
        {t("transfers:import")}
      </Button>
    </>,
  );
}

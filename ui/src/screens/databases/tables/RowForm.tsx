import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, rowInsert, type ShapeOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { type ApiError, asError, data, once } from "@/shell/api";
import { toast } from "@/shell/toasts";
import { valuesOf } from "./edits";

interface Props {
  database: DatabaseOut;
  shape: ShapeOut;
  onMade: () => void;
  onClose: () => void;
}

/** A new row; what is left empty is left to the table. */
export function RowForm({ database, shape, onMade, onClose }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [key, setKey] = useState(once);
  const columns = shape.columns.filter(({ generated }) => !generated);
  async function save() {
    setBusy(true);
    setError(null);
    try {
      await data(
        rowInsert({
          path: { database_id: database.id, table: shape.name },
          query: { schema: shape.schema },
          headers: key,
          body: { rows: [valuesOf(typed, columns)] },
        }),
      );
      toast.good(t("tables:inserted"));
      onMade();
    } catch (thrown) {
      setError(asError(thrown));
      setKey(once()); // what is sent next is another request
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("tables:insert")}
      lead={t("tables:insertLead")}
    >
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {columns.map((column, at) => (
          <Field key={column.name} label={column.name} aside={column.type}>
            {(given) => (
              <Input
                {...given}
                autoFocus={at === 0}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                placeholder={column.default ?? (column.nullable ? "NULL" : "")}
                value={typed[column.name] ?? ""}
                onChange={(event) => setTyped({ ...typed, [column.name]: event.target.value })}
              />
            )}
          </Field>
        ))}
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" busy={busy}>
            {t("tables:insert")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

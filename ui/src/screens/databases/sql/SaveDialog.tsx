import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SavedQueryOut, savedQueryCreate, savedQueryUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { type ApiError, asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import type { Draft } from "./kept";

import { parameters } from "./tokens";
import { savedKey } from "./VersionsSheet";

interface Props {
  database: string;
  draft: Draft;
  write: boolean;
  onSaved: (saved: SavedQueryOut) => void;
  onClose: () => void;
}

/** A new saved query, or a new version of the one that the tab shows. */
export function SaveDialog({ database, draft, write, onSaved, onClose }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState(draft.saved ? draft.title : "");
  const [shared, setShared] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [key] = useState(once);

  async function save() {
    setBusy(true);
    setError(null);
    const body = {
      name,
      statement: draft.text,
      write,
      parameters: parameters(draft.text).map((each) => ({ name: each })),
    };
    try {
      const saved = await data(
        draft.saved
          ? savedQueryUpdate({
              path: { saved_query_id: draft.saved.id },
              headers: { "If-Match": `"v${draft.saved.version}"` },
              body,
            })
          : savedQueryCreate({ path: { database_id: database }, headers: key, body: { ...body, shared } }),
      );
      void queries.invalidateQueries({ queryKey: savedKey(database) });
      toast.good(t("sql:savedNow", { name: saved.name }));
      onSaved(saved);
    } catch (thrown) {
      setError(asError(thrown));
    } finally {
      setBusy(false);
    }
  }
  const refused = error?.fields ?? {};
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={draft.saved ? t("sql:saveChanges") : t("sql:save")}>
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t("sql:name")} error={refused.name}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              maxLength={63}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        {!draft.saved && (
          <label className="flex items-start gap-2">
            <input
              type="checkbox"
              className="mt-0.5 size-4 accent-accent"
              checked={shared}
              onChange={(event) => setShared(event.target.checked)}
            />
            <span>
              <span className="block font-medium text-xs">{t("sql:share")}</span>
              <span className="text-muted text-xs">{t("sql:shareHint")}</span>
            </span>
          </label>
        )}
        {error && <ErrorText error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" busy={busy} disabled={draft.text.trim() === ""}>
            {t("sql:save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

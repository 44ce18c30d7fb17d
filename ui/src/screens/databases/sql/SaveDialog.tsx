import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type SavedQueryOut, savedQueryCreate, savedQueryUpdate } from "@/api";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { data, once } from "@/shell/api";
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
  const [key] = useState(once);
  async function save() {
    const named = parameters(draft.text).map((each) => ({ name: each }));
    const body = { name, statement: draft.text, write, parameters: named };
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
  }
  return (
    <FormDialog
      title={draft.saved ? t("sql:saveChanges") : t("sql:save")}
      verb={t("sql:save")}
      able={draft.text.trim() !== ""}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <NameField label={t("sql:name")} error={wrong.name} value={name} onChange={setName} />
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
        </>
      )}
    </FormDialog>
  );
}

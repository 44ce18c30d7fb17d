import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseList, type ProgressOut, snapshotImport, uploadDelete } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Progress } from "@/parts/RunState";
import { lineTo, sent } from "@/parts/uploading";
import { useBegun } from "@/parts/useBegun";
import { useGo } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { useScope } from "@/shell/scope";

const FRESH = { database: "", tags: "", passphrase: "", identities: "" };

/** Sends a dump and asks for it to be taken in; ends on the page of the snapshot it becomes. */
export function ImportSheet({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const begun = useBegun("snapshots");
  const { filter } = useScope();
  const [draft, setDraft] = useState(FRESH);
  const [file, setFile] = useState<File | null>(null);
  const [received, setReceived] = useState(0);
  const leaving = useRef(new AbortController());
  useEffect(() => {
    leaving.current = new AbortController();
    return () => leaving.current.abort();
  }, []);
  const { data: databases } = useQuery({
    queryKey: ["databases", "all", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
  });
  const set = (patch: Partial<typeof FRESH>) => setDraft((before) => ({ ...before, ...patch }));
  const take = useMutation({
    mutationFn: async (file: File) => {
      const wish = { seen: setReceived, signal: leaving.current.signal };
      const upload = (await sent(file, lineTo(draft.database), wish)).id;
      const tags = draft.tags.split(",").map((tag) => tag.trim());
      try {
        return await data(
          snapshotImport({
            path: { database_id: draft.database },
            body: {
              upload_id: upload,
              tags: tags.filter(Boolean),
              ...(draft.passphrase && { passphrase: draft.passphrase }),
              ...(draft.identities.trim() && { identities: draft.identities }),
            },
            headers: once(),
          }),
        );
      } catch (refused) {
        // What was refused leaves nothing at the server; the refusal is what is shown.
        await data(uploadDelete({ path: { upload_id: upload } })).catch(() => undefined);
        throw refused;
      }
    },
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (made) => {
      begun(made);
      onClose();
      go(`/snapshots/${made.snapshot.id}`);
    },
  });
  const able = file !== null && file.size > 0 && draft.database !== "";
  return (
    <Dialog
      open
      as="sheet"
      stays={take.isPending}
      onOpenChange={(open) => !open && onClose()}
      title={t("dumps:new")}
      lead={t("dumps:newLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="dump-form" busy={take.isPending} disabled={!able}>
            {t("dumps:take")}
          </Button>
        </>
      }
    >
      <form
        id="dump-form"
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (able && file && !take.isPending) {
            setReceived(0);
            take.mutate(file);
          }
        }}
      >
        <Field label={t("dumps:of")} hint={t("dumps:ofHint")}>
          {(given) => (
            <Select
              {...given}
              required
              value={draft.database}
              onChange={(event) => set({ database: event.target.value })}
            >
              <option value="">{t("dumps:choose")}</option>
              {databases?.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("files:file")} hint={t("dumps:fileHint")}>
          {(given) => (
            <input
              {...given}
              type="file"
              required
              className="w-full text-sm file:mr-3 file:h-8 file:rounded-md file:border file:border-strong-line/70 file:bg-panel file:px-2.5 file:font-medium file:text-sm file:text-text"
              onChange={(event) => setFile(event.target.files?.[0] ?? null)}
            />
          )}
        </Field>
        <Field label={t("snapshots:tags")} aside={t("shell:optional")} hint={t("dumps:tagsHint")}>
          {(given) => (
            <Input
              {...given}
              autoComplete="off"
              value={draft.tags}
              onChange={(event) => set({ tags: event.target.value })}
            />
          )}
        </Field>
        <details className="border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("dumps:encrypted")}</summary>
          <div className="mt-3 grid gap-4">
            <Field label={t("files:passphrase")}>
              {(given) => (
                <Input
                  {...given}
                  type="password"
                  autoComplete="off"
                  value={draft.passphrase}
                  onChange={(event) => set({ passphrase: event.target.value })}
                />
              )}
            </Field>
            <Field label={t("dumps:identities")} hint={t("dumps:identitiesHint")}>
              {(given) => (
                <Area
                  {...given}
                  className="font-mono text-xs"
                  spellCheck={false}
                  value={draft.identities}
                  onChange={(event) => set({ identities: event.target.value })}
                />
              )}
            </Field>
          </div>
        </details>
        {take.isPending && file && <Progress of={sending(received, file.size, t("dumps:sending"))} label={file.name} />}
        {take.error && <ErrorText error={asError(take.error)} />}
      </form>
    </Dialog>
  );
}

function sending(done: number, total: number, phase: string): ProgressOut {
  return { done, total, unit: "bytes", phase, rate: null, eta_seconds: null };
}

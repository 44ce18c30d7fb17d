import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type VersionWholeOut, workerVersionTag } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { toast } from "@/shell/toasts";
import type { TabProps } from "../tabs";
import { stale } from "../useWorker";

const MOST_LETTERS = 63;

/** The word a version is asked for by; empty takes it away. */
export function Tag({ worker, version }: TabProps & { version: VersionWholeOut }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(version.tag ?? "");
  const tag = typed.trim() || null;
  const save = useMutation({
    mutationFn: () => data(workerVersionTag({ path: { worker_version_id: version.id }, body: { tag } })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => {
      stale(worker.id);
      toast.good(t("workers:saved"));
    },
  });
  const error = save.error ? asError(save.error) : null;
  return (
    <form
      className="grid max-w-sm gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Field label={t("workers:tag")} hint={t("workers:tagHint")} error={error?.fields.tag ?? null}>
        {(given) => (
          <Input
            {...given}
            maxLength={MOST_LETTERS}
            placeholder="v1.4"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
      {error && !error.fields.tag && <ErrorText error={error} />}
      <Button className="justify-self-start" type="submit" disabled={tag === version.tag} busy={save.isPending}>
        {t("workers:saveTag")}
      </Button>
    </form>
  );
}

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type WorkerOut, workerUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { stale } from "../useWorker";

export type Settings = WorkerOut["settings"];
type Body = Parameters<typeof workerUpdate>[0]["body"];

interface Props<D> {
  worker: WorkerOut;
  title: string;
  lead?: string;
  /** What is typed, out of what is there. */
  begin: (worker: WorkerOut) => D;
  /** What is sent of it. */
  end: (draft: D, worker: WorkerOut) => Body;
  children: (draft: D, set: (patch: Partial<D>) => void, wrong: Record<string, string>) => ReactNode;
}

/** A part of a worker that is changed as one. Somebody else's change in the meantime is said, not overwritten. */
export function WorkerForm<D extends object>({ worker, title, lead, begin, end, children }: Props<D>) {
  const { t } = useTranslation();
  const able = useCan()("worker.update");
  const [base, setBase] = useState(worker);
  const [draft, setDraft] = useState(() => begin(worker));
  const set = (patch: Partial<D>) => setDraft((before) => ({ ...before, ...patch }));
  const save = useMutation({
    mutationFn: (body: Body) =>
      data(workerUpdate({ path: { worker_id: worker.id }, headers: { "If-Match": `"v${base.version}"` }, body })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      again(saved);
      queries.setQueryData(["workers", saved.id], saved);
      stale(saved.id);
      toast.good(t("workers:saved"));
    },
  });
  function again(of: WorkerOut) {
    setBase(of);
    setDraft(begin(of));
    save.reset();
  }
  const error = save.error ? asError(save.error) : null;
  const changed = JSON.stringify(draft) !== JSON.stringify(begin(base));
  // Another part was saved while nothing was typed here: what is shown is what is there.
  if (!changed && base.version !== worker.version) {
    setBase(worker);
    setDraft(begin(worker));
  }
  const isStale = error?.status === 412;
  return (
    <Section title={title}>
      {lead && <p className="-mt-1 mb-4 max-w-prose text-muted text-xs">{lead}</p>}
      <form
        className="grid max-w-xl gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(end(draft, base));
        }}
      >
        <fieldset disabled={!able} className="contents">
          {children(draft, set, error?.fields ?? {})}
        </fieldset>
        {error && <ErrorText error={error} />}
        {able && (
          <div className="flex gap-2">
            <Button look="primary" type="submit" disabled={!changed || isStale} busy={save.isPending}>
              {t("shell:save")}
            </Button>
            {(changed || isStale) && <Button onClick={() => again(worker)}>{t("dbsettings:discard")}</Button>}
          </div>
        )}
      </form>
    </Section>
  );
}

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { RunOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { asError } from "@/shell/api";
import { queries } from "@/shell/query";
import { Following } from "../activity/Following";
import { tellable } from "../activity/measured";
import { Told } from "../activity/Told";

interface Props {
  title: string;
  lead?: ReactNode;
  verb: string;
  danger?: boolean;
  able?: boolean;
  /** Asked before it begins. */
  children?: ReactNode;
  begin: () => Promise<{ run: RunOut }>;
  /** What came of it; `again` goes back to the question. */
  outcome?: (run: RunOut, again: () => void) => ReactNode;
  onClose: () => void;
}

/** Work on a repository: how, then the run as it goes, then what came of it, in one sheet. */
export function TaskSheet({ title, lead, verb, danger, able = true, children, begin, outcome, onClose }: Props) {
  const { t } = useTranslation();
  const start = useMutation({
    mutationFn: begin,
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["repositories"] }),
  });
  const begun = start.data?.run;
  return (
    <Dialog
      open
      as="sheet"
      title={title}
      lead={begun ? undefined : lead}
      onOpenChange={(open) => !open && onClose()}
      foot={
        begun ? (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{t("shell:cancel")}</Button>
            <Button
              look={danger ? "danger" : "primary"}
              type="submit"
              form="task-form"
              disabled={!able}
              busy={start.isPending}
            >
              {verb}
            </Button>
          </>
        )
      }
    >
      {begun ? (
        <Following key={begun.id} run={begun} label={title} nouns={["repositories", "savings", "snapshots"]}>
          {(run) => outcome?.(run, start.reset) ?? <Plain result={run.result ?? {}} />}
        </Following>
      ) : (
        <form
          id="task-form"
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (able) start.mutate();
          }}
        >
          {children}
          {start.error && <ErrorText error={asError(start.error)} />}
        </form>
      )}
    </Dialog>
  );
}

/** Numbers and words of a result; what is nought is not said. */
export function Plain({ result }: { result: Readonly<Record<string, unknown>> }) {
  const some = tellable(result).filter(
    ([name, value]) => !name.endsWith("_id") && value !== 0 && typeof value !== "object",
  );
  if (some.length === 0) return null;
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
      <Told facts={some} />
    </dl>
  );
}

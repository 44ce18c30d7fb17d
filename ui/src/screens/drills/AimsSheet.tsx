import { useMutation, useQuery } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type AimsOut, drillAimsRead, drillAimsSet } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Skeleton } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { toast } from "@/shell/toasts";
import { BOUNDS, type Bound, bodyOf, draftOf, type Question } from "./aims";

interface Props {
  database: { id: string; name: string };
  onClose: () => void;
}

/** How fast one database must be back and how old that may be, and what is asked of what came back. */
export function AimsSheet({ database, onClose }: Props) {
  const { t } = useTranslation();
  const {
    data: aims,
    error,
    refetch,
  } = useQuery({
    queryKey: ["drills", "aims", database.id],
    queryFn: () => data(drillAimsRead({ path: { database_id: database.id } })),
  });
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("drills:aimsOf", { name: database.name })}
      lead={t("drills:aimsLead")}
    >
      {error ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : aims ? (
        <Form key={aims.version} database={database} aims={aims} onClose={onClose} />
      ) : (
        <Skeleton className="h-24" />
      )}
    </Dialog>
  );
}

function Form({ database, aims, onClose }: Props & { aims: AimsOut }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(() => draftOf(aims));
  const save = useMutation({
    mutationFn: () =>
      data(
        drillAimsSet({
          path: { database_id: database.id },
          body: bodyOf(draft),
          headers: { "If-Match": `"v${aims.version}"` },
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      queries.setQueryData(["drills", "aims", database.id], saved);
      toast.good(t("drills:aimsSaved", { name: database.name }));
      onClose();
    },
  });
  const change = (key: string, patch: Partial<Question>) =>
    setDraft((before) => ({
      ...before,
      questions: before.questions.map((each) => (each.key === key ? { ...each, ...patch } : each)),
    }));
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <div className="grid grid-cols-2 gap-3">
        <Field label={t("drills:rtoAim")} aside={t("drills:minutes")}>
          {(given) => (
            <Input
              {...given}
              type="number"
              min={0}
              step="any"
              value={draft.rtoMinutes}
              onChange={(event) => setDraft({ ...draft, rtoMinutes: event.target.value })}
            />
          )}
        </Field>
        <Field label={t("drills:rpoAim")} aside={t("drills:hours")}>
          {(given) => (
            <Input
              {...given}
              type="number"
              min={0}
              step="any"
              value={draft.rpoHours}
              onChange={(event) => setDraft({ ...draft, rpoHours: event.target.value })}
            />
          )}
        </Field>
      </div>
      <p className="text-muted text-xs">{t("drills:noAim")}</p>
      {draft.questions.map((question) => (
        <QuestionRow
          key={question.key}
          value={question}
          onChange={(patch) => change(question.key, patch)}
          onRemove={() => setDraft({ ...draft, questions: draft.questions.filter(({ key }) => key !== question.key) })}
        />
      ))}
      <div>
        <Button
          size="small"
          icon={<Plus />}
          onClick={() =>
            setDraft({
              ...draft,
              questions: [
                ...draft.questions,
                { key: crypto.randomUUID(), name: "", statement: "", bound: "at_least", value: "1" },
              ],
            })
          }
        >
          {t("drills:addQuestion")}
        </Button>
      </div>
      {save.error && <ErrorText error={asError(save.error)} />}
      <div className="sticky -bottom-4 -mx-5 flex justify-end gap-2 border-t bg-raised px-5 py-3">
        <Button onClick={onClose}>{t("shell:cancel")}</Button>
        <Button look="primary" type="submit" busy={save.isPending}>
          {t("shell:save")}
        </Button>
      </div>
    </form>
  );
}

interface RowProps {
  value: Question;
  onChange: (patch: Partial<Question>) => void;
  onRemove: () => void;
}

function QuestionRow({ value, onChange, onRemove }: RowProps) {
  const { t } = useTranslation();
  return (
    <fieldset className="grid gap-3 rounded-md border p-3">
      <legend className="sr-only">{value.name || t("drills:question")}</legend>
      <div className="flex items-end gap-2">
        <div className="flex-1">
          <Field label={t("drills:question")}>
            {(given) => (
              <Input
                {...given}
                required
                maxLength={100}
                value={value.name}
                onChange={(event) => onChange({ name: event.target.value })}
              />
            )}
          </Field>
        </div>
        <Button look="quiet" size="icon" aria-label={t("drills:removeQuestion")} icon={<Trash2 />} onClick={onRemove} />
      </div>
      <Field label={t("drills:statement")}>
        {(given) => (
          <Area
            {...given}
            required
            spellCheck={false}
            className="font-mono text-xs"
            value={value.statement}
            onChange={(event) => onChange({ statement: event.target.value })}
          />
        )}
      </Field>
      <div className="grid grid-cols-2 gap-2">
        <Field label={t("drills:mustBe")}>
          {(given) => (
            <Select
              {...given}
              value={value.bound}
              onChange={(event) => onChange({ bound: event.target.value as Bound })}
            >
              {BOUNDS.map((each) => (
                <option key={each} value={each}>
                  {t(`drills:bounds.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("drills:value")}>
          {(given) => (
            <Input
              {...given}
              required
              value={value.value}
              onChange={(event) => onChange({ value: event.target.value })}
            />
          )}
        </Field>
      </div>
    </fieldset>
  );
}

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, databaseUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import type { TabProps } from "../tabs";
import { COLOURS, drawn } from "./colours";
import { Labels } from "./Labels";

interface Draft {
  notes: string;
  colour: string | null;
  labels: Readonly<Record<string, string>>;
  isProtected: boolean;
}

const draftOf = (of: DatabaseOut): Draft => ({
  notes: of.notes,
  colour: of.colour,
  labels: of.labels,
  isProtected: of.deletion_protection,
});

/** What people note about it. Somebody else's change in the meantime is said, not overwritten. */
export function General({ database }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("database.update");
  const [base, setBase] = useState(database);
  const [draft, setDraft] = useState(() => draftOf(database));
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const save = useMutation({
    mutationFn: () =>
      data(
        databaseUpdate({
          path: { database_id: database.id },
          headers: { "If-Match": `"v${base.version}"` },
          body: {
            notes: draft.notes,
            colour: draft.colour,
            labels: { ...draft.labels },
            deletion_protection: draft.isProtected,
          },
        }),
      ),
    meta: { quiet: true },
    onSuccess: (saved) => {
      begin(saved);
      queries.setQueryData(["databases", saved.id], saved);
      void queries.invalidateQueries({ queryKey: ["databases", "list"] });
      toast.good(t("dbsettings:saved"));
    },
  });
  function begin(of: DatabaseOut) {
    setBase(of);
    setDraft(draftOf(of));
    save.reset();
  }
  const error = save.error ? asError(save.error) : null;
  const changed = JSON.stringify(draft) !== JSON.stringify(draftOf(base));
  // A run moved it on while nothing was typed: what is shown is what is there.
  if (!changed && base.version !== database.version) {
    setBase(database);
    setDraft(draftOf(database));
  }
  const stale = error?.status === 412;
  return (
    <Section title={t("dbsettings:general")}>
      <form
        className="grid max-w-xl gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <fieldset disabled={!able} className="contents">
          <Field label={t("dbsettings:notes")} error={error?.fields.notes}>
            {(given) => (
              <Area {...given} rows={4} value={draft.notes} onChange={(event) => set({ notes: event.target.value })} />
            )}
          </Field>
          <Palette chosen={draft.colour} onChoose={(colour) => set({ colour })} />
          <Labels labels={draft.labels} onChange={(labels) => set({ labels })} error={error?.fields.labels} />
          <label className="flex items-start gap-2">
            <input
              type="checkbox"
              className="mt-0.5 size-4 accent-accent"
              checked={draft.isProtected}
              onChange={(event) => set({ isProtected: event.target.checked })}
            />
            <span>
              <span className="block font-medium text-xs">{t("dbsettings:protection")}</span>
              <span className="text-muted text-xs">{t("dbsettings:protectionLead")}</span>
            </span>
          </label>
        </fieldset>
        {error && <ErrorText error={error} />}
        {able && (
          <div className="flex gap-2">
            <Button look="primary" type="submit" disabled={!changed || stale} busy={save.isPending}>
              {t("shell:save")}
            </Button>
            {(changed || stale) && <Button onClick={() => begin(database)}>{t("dbsettings:discard")}</Button>}
          </div>
        )}
      </form>
    </Section>
  );
}

function Palette({ chosen, onChoose }: { chosen: string | null; onChoose: (colour: string | null) => void }) {
  const { t } = useTranslation();
  const own = chosen && !COLOURS[chosen] ? [chosen] : [];
  return (
    <fieldset>
      <legend className="mb-1 font-medium text-xs">{t("dbsettings:colour")}</legend>
      <div className="flex flex-wrap gap-1.5 pointer-coarse:gap-0.5">
        {[null, ...Object.keys(COLOURS), ...own].map((each) => (
          <label
            key={each ?? "none"}
            title={each ? t(`dbsettings:colours.${each}`, { defaultValue: each }) : t("dbsettings:noColour")}
            className={cx(
              "grid size-8 place-items-center rounded-md border pointer-coarse:size-9 has-focus-visible:outline-2 has-focus-visible:outline-accent",
              each === chosen ? "border-accent bg-accent-soft" : "border-transparent hover:bg-hover",
            )}
          >
            <input
              type="radio"
              name="colour"
              className="sr-only"
              aria-label={each ? t(`dbsettings:colours.${each}`, { defaultValue: each }) : t("dbsettings:noColour")}
              checked={each === chosen}
              onChange={() => onChoose(each)}
            />
            <span
              aria-hidden
              className={cx("size-4 rounded-full", !each && "border-2 border-strong-line border-dashed")}
              style={each ? { background: drawn(each) ?? undefined } : undefined}
            />
          </label>
        ))}
      </div>
    </fieldset>
  );
}

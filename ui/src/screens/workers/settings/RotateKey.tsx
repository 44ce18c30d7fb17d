import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type KeyMadeOut, type HoldfastFeaturesWorkersWireMoreKeyOut as KeyOut, workerKeyRotate } from "@/api";
import { Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data } from "@/shell/api";

/** Seconds for which the text before counts too, and their word. */
const OVERLAPS = [
  [0, "none"],
  [3600, "hour"],
  [86_400, "day"],
  [604_800, "week"],
  [2_592_000, "month"],
] as const;

interface Props {
  of: KeyOut;
  onMade: (key: KeyMadeOut) => void;
  onClose: () => void;
}

/** Another text for the same key. One that has ended needs a new end. */
export function RotateKey({ of, onMade, onClose }: Props) {
  const { t } = useTranslation();
  const [overlap, setOverlap] = useState(86_400);
  const [ends, setEnds] = useState("");
  const isOver = of.expires_at !== null && Date.parse(of.expires_at) < Date.now();
  return (
    <FormDialog
      title={t("workers:rotateTitle", { name: of.name })}
      lead={t("workers:rotateLead")}
      verb={t("workers:rotate")}
      onClose={onClose}
      save={async () => {
        const body = { overlap_seconds: overlap, ...(ends && { expires_at: new Date(ends).toISOString() }) };
        onMade(await data(workerKeyRotate({ path: { worker_key_id: of.id }, body })));
      }}
    >
      {(wrong) => (
        <>
          <Field label={t("workers:overlap")} error={wrong.overlap_seconds ?? null}>
            {(given) => (
              <Select {...given} value={overlap} onChange={(event) => setOverlap(Number(event.target.value))}>
                {OVERLAPS.map(([seconds, word]) => (
                  <option key={word} value={seconds}>
                    {t(`workers:overlaps.${word}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {of.expires_at !== null && (
            <Field
              label={t("workers:endsAt")}
              aside={isOver ? null : t("workers:optional")}
              hint={t("workers:endsAsBefore")}
              error={wrong.expires_at ?? null}
            >
              {(given) => (
                <Input
                  {...given}
                  type="datetime-local"
                  required={isOver}
                  value={ends}
                  onChange={(event) => setEnds(event.target.value)}
                />
              )}
            </Field>
          )}
        </>
      )}
    </FormDialog>
  );
}

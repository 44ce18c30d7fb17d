import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { keyCreate } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useWho } from "@/shell/session";
import { PermissionPicker } from "../shared/PermissionPicker";
import { PlaceFields } from "../shared/Place";
import { RoleSelect } from "../shared/RoleSelect";
import { Databases } from "./Databases";
import { bodyOf, DAYS, type Draft, fresh, PLACES, WHATS } from "./draft";
import { KeyShown } from "./KeyShown";

/** A key with no more than it needs; then its secret, once. */
export function KeyForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { permissions: own } = useWho();
  const { project } = useScope();
  const [draft, setDraft] = useState<Draft>(() => ({ ...fresh(), project: project?.id ?? "" }));
  const [key] = useState(once);
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const make = useMutation({
    mutationFn: () => data(keyCreate({ body: bodyOf(draft), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  const error = make.error ? asError(make.error) : null;
  if (make.data?.key) return <KeyShown name={make.data.name} secret={make.data.key} onClose={onClose} />;
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={onClose}
      title={t("apikeys:new")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" type="submit" form="key-form" busy={make.isPending}>
            {t("apikeys:create")}
          </Button>
        </>
      }
    >
      <form
        id="key-form"
        className="grid gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        {error && <ErrorText error={error} />}
        <Field label={t("apikeys:name")} error={error?.fields.name}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              autoComplete="off"
              maxLength={63}
              value={draft.name}
              onChange={(event) => set({ name: event.target.value })}
            />
          )}
        </Field>
        <Field label={t("apikeys:ends")} hint={draft.days === "" ? t("apikeys:noEndHint") : undefined}>
          {(given) => (
            <Select {...given} value={draft.days} onChange={(event) => set({ days: event.target.value })}>
              {DAYS.map((days) => (
                <option key={days} value={days}>
                  {t("apikeys:days", { count: Number(days) })}
                </option>
              ))}
              <option value="">{t("apikeys:noEnd")}</option>
            </Select>
          )}
        </Field>
        <Field label={t("apikeys:place")}>
          {(given) => (
            <Select
              {...given}
              value={draft.place}
              onChange={(event) => set({ place: event.target.value as Draft["place"] })}
            >
              {PLACES.map((each) => (
                <option key={each} value={each}>
                  {t(`apikeys:places.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {(draft.place === "project" || draft.place === "environment") && (
          <PlaceFields
            one={draft.place === "environment"}
            justProject={draft.place === "project"}
            value={{ project: draft.project, environment: draft.environment }}
            onChange={set}
          />
        )}
        {draft.place === "resources" && (
          <Databases value={draft.resources} onChange={(resources) => set({ resources })} />
        )}
        <Field label={t("apikeys:what")}>
          {(given) => (
            <Select
              {...given}
              value={draft.what}
              onChange={(event) => set({ what: event.target.value as Draft["what"] })}
            >
              {WHATS.map((each) => (
                <option key={each} value={each}>
                  {t(`apikeys:whats.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {draft.what === "role" && (
          <Field label={t("apikeys:role")} error={error?.fields.role}>
            {(given) => (
              <RoleSelect {...given} without={["member"]} value={draft.role} onChange={(role) => set({ role })} />
            )}
          </Field>
        )}
        {draft.what === "chosen" && (
          <PermissionPicker value={draft.chosen} onChange={(chosen) => set({ chosen })} among={own} />
        )}
      </form>
    </Dialog>
  );
}

import { useTranslation } from "react-i18next";
import { Checkbox } from "@/parts/Checkbox";
import { Area, Field, Input } from "@/parts/Field";
import type { TabProps } from "../tabs";
import { entries, lines } from "./lists";
import { WorkerForm } from "./WorkerForm";

/** Which pages of other origins may call it; answered before its code. */
export function Cors({ worker }: TabProps) {
  const { t } = useTranslation();
  return (
    <WorkerForm
      worker={worker}
      title={t("workers:parts.cors")}
      lead={t("workers:corsLead")}
      begin={({ settings: { cors } }) => ({
        on: cors != null,
        origins: lines(cors?.origins),
        methods: (cors?.methods ?? ["GET", "HEAD", "POST"]).join(", "),
        headers: (cors?.headers ?? []).join(", "),
        credentials: cors?.credentials ?? false,
        age: String(cors?.max_age ?? 600),
      })}
      end={(draft, { settings }) => ({
        settings: {
          ...settings,
          cors: draft.on
            ? {
                origins: entries(draft.origins),
                methods: entries(draft.methods.toUpperCase()),
                headers: entries(draft.headers),
                credentials: draft.credentials,
                max_age: Number(draft.age),
              }
            : null,
        },
      })}
    >
      {(draft, set, wrong) => {
        const said = (field: string) =>
          Object.entries(wrong).find(([name]) => name.startsWith(`settings.cors.${field}`))?.[1] ?? null;
        return (
          <>
            <Checkbox label={t("workers:cors.on")} checked={draft.on} onChange={(on) => set({ on })} />
            {draft.on && (
              <>
                <Field label={t("workers:cors.origins")} hint={t("workers:cors.originsHint")} error={said("origins")}>
                  {(given) => (
                    <Area
                      {...given}
                      required
                      rows={3}
                      spellCheck={false}
                      className="font-mono"
                      placeholder="https://app.example.org"
                      value={draft.origins}
                      onChange={(event) => set({ origins: event.target.value })}
                    />
                  )}
                </Field>
                <Field label={t("workers:cors.methods")} error={said("methods")}>
                  {(given) => (
                    <Input
                      {...given}
                      spellCheck={false}
                      value={draft.methods}
                      onChange={(event) => set({ methods: event.target.value })}
                    />
                  )}
                </Field>
                <Field label={t("workers:cors.headers")} hint={t("workers:cors.headersHint")} error={said("headers")}>
                  {(given) => (
                    <Input
                      {...given}
                      spellCheck={false}
                      placeholder="content-type, authorization"
                      value={draft.headers}
                      onChange={(event) => set({ headers: event.target.value })}
                    />
                  )}
                </Field>
                <Field label={t("workers:cors.age")} aside="s" error={said("max_age")}>
                  {(given) => (
                    <Input
                      {...given}
                      type="number"
                      required
                      min={0}
                      max={86_400}
                      value={draft.age}
                      onChange={(event) => set({ age: event.target.value })}
                    />
                  )}
                </Field>
                <Checkbox
                  label={t("workers:cors.credentials")}
                  hint={t("workers:cors.credentialsHint")}
                  checked={draft.credentials}
                  onChange={(credentials) => set({ credentials })}
                />
              </>
            )}
          </>
        );
      }}
    </WorkerForm>
  );
}

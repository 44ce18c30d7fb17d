import { useMutation } from "@tanstack/react-query";
import { PlugZap } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseRunOut, databaseRegister, databaseTest, type EngineOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { ApiError, asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { Report } from "./Report";
import { TargetFields } from "./TargetFields";
import { EMPTY, isFilled, targetOf, traitsOf } from "./target";

interface Props {
  engine: EngineOut;
  common: { name: string; environment: string };
  onCommon: (common: { name: string; environment: string }) => void;
  onMade: (made: DatabaseRunOut) => void;
  onClose: () => void;
}

/** The server's word about a field of `target`, by that field's name. */
export function wrongOf(error: ApiError | null): Record<string, string> {
  const entries = Object.entries(error?.fields ?? {});
  return Object.fromEntries(entries.map(([field, message]) => [field.replace(/^target\./, ""), message]));
}

/** What a test that did not get through has to say, as an error says it. */
export function triedError(told: { [key: string]: unknown } | null): ApiError | null {
  if (!told) return null;
  return new ApiError(0, {
    code: String(told.code ?? "unreachable"),
    message: String(told.message ?? ""),
    hint: told.hint ? String(told.hint) : null,
  });
}

/** A server or file of somebody else's: its data stays where it is. Tried first if one likes; nothing is kept by that. */
export function Register({ engine, common, onCommon, onMade, onClose }: Props) {
  const { t } = useTranslation();
  const scope = useScope();
  const environment = common.environment || scope.environment?.id || scope.environments[0]?.id || "";
  const traits = traitsOf(engine);
  const [draft, setDraft] = useState(EMPTY);
  const [key, setKey] = useState(once);
  const body = { environment_id: environment, engine: engine.name, target: traits ? targetOf(draft, traits) : {} };
  const test = useMutation({
    mutationFn: () => data(databaseTest({ body })),
    networkMode: "always",
    meta: { quiet: true },
  });
  const register = useMutation({
    mutationFn: () => data(databaseRegister({ body: { ...body, name: common.name }, headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => setKey(once()),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["databases"] });
      onMade(made);
    },
  });
  if (!traits) return null;
  const refused = register.error ?? test.error;
  const error = refused ? asError(refused) : null;
  const wrong = wrongOf(error);
  const nameWrong = wrong.name ?? (error && /^name_/.test(error.code) ? error.message : undefined);
  const able = isFilled(draft, traits) && environment !== "";
  return (
    <form
      className="grid gap-4"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (able && common.name.trim()) register.mutate();
      }}
    >
      <Field label={t("databases:name")} hint={t("external:nameHint")} error={nameWrong}>
        {(given) => (
          <Input
            {...given}
            required
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={common.name}
            onChange={(event) => onCommon({ ...common, name: event.target.value })}
          />
        )}
      </Field>
      <Field label={t("shell:environment")} error={wrong.environment_id}>
        {(given) => (
          <Select
            {...given}
            value={environment}
            onChange={(event) => onCommon({ ...common, environment: event.target.value })}
          >
            {scope.environments.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <TargetFields
        draft={draft}
        set={(patch) => {
          test.reset();
          register.reset();
          setDraft((before) => ({ ...before, ...patch }));
        }}
        wrong={wrong}
        traits={traits}
        environment={environment}
      />
      {error && !nameWrong && <ErrorText error={error} />}
      <Tried of={test.data ?? null} />
      <div className="sticky -bottom-4 -mx-5 flex flex-wrap justify-end gap-2 border-t bg-raised px-5 py-3">
        <Button onClick={onClose}>{t("shell:cancel")}</Button>
        <Button icon={<PlugZap />} disabled={!able} busy={test.isPending} onClick={() => test.mutate()}>
          {t("external:test")}
        </Button>
        <Button look="primary" type="submit" disabled={!able || !common.name.trim()} busy={register.isPending}>
          {t("external:register")}
        </Button>
      </div>
    </form>
  );
}

/** What the test came to; brought into view, since the form is longer than the sheet. */
export function Tried({ of }: { of: Awaited<ReturnType<typeof databaseTest>>["data"] | null }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (of) box.current?.scrollIntoView({ block: "center" });
  }, [of]);
  if (!of) return null;
  const error = triedError(of.error);
  return (
    <div ref={box} aria-live="polite" className="grid gap-2">
      {error && <ErrorText error={error} />}
      {of.report && (
        <div className="rounded-md border p-3">
          <p className="mb-2 font-medium text-good">{t("external:reached")}</p>
          <Report report={of.report} />
        </div>
      )}
    </div>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { keyList, type LimitOut, limitSet, type ShippedOut, userList } from "@/api";
import { Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { Switch } from "../../Switch";
import { amountOf, KINDS, type Kind, typedOf, type What, whatsOf } from "./limits";

interface Props {
  shipped: readonly ShippedOut[];
  /** What is changed; its subject stays. Without `own` it is the default of a kind. */
  start: { subject: Kind; what: What; own: LimitOut | null } | null;
  onClose: () => void;
}

/** A limit for one, or for everyone of a kind. It holds from the next call on. */
export function LimitForm({ shipped, start, onClose }: Props) {
  const { t } = useTranslation();
  const born = (kind: Kind, what: What) => shipped.find((each) => each.subject === kind && each.what === what);
  const first = start?.own ?? (start ? born(start.subject, start.what) : undefined);
  const [subject, setSubject] = useState<Kind>(start?.subject ?? "project");
  const [whose, setWhose] = useState(start?.own?.subject_id ?? "");
  const [what, setWhat] = useState<What>(start?.what ?? "calls");
  const [amount, setAmount] = useState(() => typedOf(what, first?.amount ?? null));
  const [unlimited, setUnlimited] = useState(Boolean(start && first && first.amount === null));
  const [span, setSpan] = useState(() => String(first?.window_seconds || ""));
  const able = whatsOf(shipped, subject);
  const chosen = able.includes(what) ? what : (able[0] ?? "calls");
  const spans = chosen !== "storage";
  return (
    <FormDialog
      as="sheet"
      title={start ? t("limits:editTitle") : t("limits:new")}
      lead={t("limits:formLead")}
      verb={t("limits:set")}
      save={async () => {
        await data(
          limitSet({
            body: {
              subject,
              subject_id: whose || null,
              what: chosen,
              amount: unlimited ? null : amountOf(chosen, amount),
              window_seconds: spans && span.trim() ? Math.round(Number(span)) : null,
            },
          }),
        );
        void queries.invalidateQueries({ queryKey: ["usage"] });
        await queries.invalidateQueries({ queryKey: ["limits"] });
      }}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          {!start && (
            <>
              <Field label={t("limits:whose")} error={wrong.subject}>
                {(given) => (
                  <Select
                    {...given}
                    value={subject}
                    onChange={(event) => {
                      setSubject(event.target.value as Kind);
                      setWhose("");
                    }}
                  >
                    {KINDS.map((each) => (
                      <option key={each} value={each}>
                        {t(`limits:kinds.${each}`)}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
              {subject !== "address" && <Whose kind={subject} value={whose} onChange={setWhose} />}
              <Field label={t("limits:of")} error={wrong.what}>
                {(given) => (
                  <Select {...given} value={chosen} onChange={(event) => setWhat(event.target.value as What)}>
                    {able.map((each) => (
                      <option key={each} value={each}>
                        {t(`limits:what.${each}`)}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
            </>
          )}
          {start && (
            <p>
              {whose || t(`limits:all.${subject}`)} · <span className="font-medium">{t(`limits:what.${chosen}`)}</span>
            </p>
          )}
          {!unlimited && (
            <Field label={t(spans ? "limits:atMost" : "limits:atMostGb")} error={wrong.amount}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoFocus={start !== null}
                  type="number"
                  min={0}
                  step={spans ? 1 : "any"}
                  value={amount}
                  onChange={(event) => setAmount(event.target.value)}
                />
              )}
            </Field>
          )}
          <Switch title={t("limits:unlimited")} checked={unlimited} onChange={setUnlimited} />
          {spans && !unlimited && (
            <Field
              label={t("limits:seconds")}
              hint={t("limits:secondsHint")}
              error={wrong.window_seconds}
              aside={t("shell:optional")}
            >
              {(given) => (
                <Input
                  {...given}
                  type="number"
                  min={1}
                  value={span}
                  onChange={(event) => setSpan(event.target.value)}
                />
              )}
            </Field>
          )}
        </>
      )}
    </FormDialog>
  );
}

/** One project, person or key by its name, or all of them. */
function Whose({ kind, value, onChange }: { kind: Kind; value: string; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const { projects } = useScope();
  const { data: people = [] } = useQuery({
    queryKey: ["people", "names"],
    queryFn: async () => (await data(userList({ query: { limit: 200 } }))).items,
    enabled: kind === "user" && can("user.read"),
  });
  const { data: keys = [] } = useQuery({
    queryKey: ["keys", "names"],
    queryFn: async () => (await data(keyList({ query: { limit: 200 } }))).items,
    enabled: kind === "key" && can("key.read"),
  });
  const named = {
    project: projects.map(({ id, name }) => ({ id, name })),
    user: people.map(({ id, email }) => ({ id, name: email })),
    key: keys.map(({ id, name }) => ({ id, name })),
    address: [],
  }[kind];
  return (
    <Field label={t("limits:which")}>
      {(given) => (
        <Select {...given} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{t(`limits:all.${kind}`)}</option>
          {named.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type AccountOut, accountRead, accountUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { day } from "@/parts/text";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useWho } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { useWhere } from "../access/shared/Place";
import { byNoun } from "../access/shared/roles";
import { ChangePassword } from "./ChangePassword";
import { Identities } from "./Identities";

const KEY = ["people", "me"];

export default function Account() {
  const { data: me, error, refetch } = useQuery({ queryKey: KEY, queryFn: () => data(accountRead()) });
  if (error && !me) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!me) return <Skeleton className="m-6 h-24" />;
  return (
    <>
      <Profile me={me} />
      <Password me={me} />
      <Identities />
      <Allowed me={me} />
    </>
  );
}

function Profile({ me }: { me: AccountOut }) {
  const { t } = useTranslation();
  const [name, setName] = useState(me.name);
  const save = useMutation({
    mutationFn: () => data(accountUpdate({ body: { name } })),
    meta: { quiet: true },
    onSuccess: (saved) => {
      queries.setQueryData(KEY, saved);
      toast.good(t("account:saved"));
    },
  });
  return (
    <Section title={t("account:profile")}>
      <form
        className="grid max-w-md gap-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label={t("account:name")} hint={t("account:nameHint")} error={save.error && asError(save.error).message}>
          {(given) => (
            <div className="flex gap-2">
              <Input
                {...given}
                autoComplete="name"
                maxLength={120}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
              {name !== me.name && (
                <Button look="primary" type="submit" busy={save.isPending}>
                  {t("shell:save")}
                </Button>
              )}
            </div>
          )}
        </Field>
        <dl className="grid gap-1">
          <dt className="font-medium text-xs">{t("account:email")}</dt>
          <dd className="break-words">{me.email}</dd>
          <dd className="text-muted text-xs">
            {t("account:emailLead")} {t("account:since", { day: day(me.created_at) })}
          </dd>
        </dl>
      </form>
    </Section>
  );
}

function Password({ me }: { me: AccountOut }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <Section
      title={t("account:password")}
      aside={me.password_set && <Button onClick={() => setOpen(true)}>{t("account:changePassword")}</Button>}
    >
      <p className="text-muted text-xs">{t(me.password_set ? "account:passwordLead" : "account:passwordNone")}</p>
      {open && <ChangePassword email={me.email} onClose={() => setOpen(false)} />}
    </Section>
  );
}

/** One's own access report: which role where, and what that comes to. */
function Allowed({ me }: { me: AccountOut }) {
  const { t } = useTranslation();
  const where = useWhere();
  const { permissions } = useWho();
  const held = [{ role: me.role, project: null, environment: null }, ...me.roles];
  return (
    <Section title={t("account:access")}>
      <p className="mb-2 text-muted text-xs">{t("account:accessLead")}</p>
      <ul className="mb-3 max-w-xl">
        {held.map((each) => (
          <li
            key={`${each.role} ${each.project} ${each.environment}`}
            className="flex items-center gap-3 border-t py-1.5 first:border-t-0"
          >
            <span className="w-24 shrink-0">
              <Badge>{each.role}</Badge>
            </span>
            <span className="min-w-0 truncate text-muted">{where(each)}</span>
          </li>
        ))}
      </ul>
      <details>
        <summary className="text-accent-text text-xs">
          {permissions.length ? t("account:permissions", { count: permissions.length }) : t("account:nothing")}
        </summary>
        <dl className="mt-2 grid gap-x-6 gap-y-2 sm:grid-cols-2 lg:grid-cols-3">
          {byNoun(permissions).map(([noun, names]) => (
            <div key={noun}>
              <dt className="font-medium text-xs">{noun}</dt>
              <dd className="text-muted text-xs">{names.map((name) => name.slice(noun.length + 1)).join(", ")}</dd>
            </div>
          ))}
        </dl>
      </details>
    </Section>
  );
}

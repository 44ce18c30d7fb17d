import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  factorRead,
  type HoldfastFeaturesAccessFactorsApiPolicyOut as Policy,
  secondFactorPolicyRead,
  secondFactorPolicyUpdate,
} from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { session, useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { roles } from "../shared/roles";

const KEY = ["factors", "policy"];

/** Who must have a second factor. */
export function Required() {
  const { data: policy, error, refetch } = useQuery({ queryKey: KEY, queryFn: () => data(secondFactorPolicyRead()) });
  if (error && !policy) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!policy) return <Skeleton className="m-6 h-24" />;
  return <Form key={JSON.stringify(policy)} policy={policy} />;
}

type Who = "nobody" | "some" | "everyone";
const WHO: readonly Who[] = ["nobody", "some", "everyone"];

function Form({ policy }: { policy: Policy }) {
  const { t } = useTranslation();
  const can = useCan();
  const may = can("system.admin");
  const [who, setWho] = useState<Who>(policy.everyone ? "everyone" : policy.roles.length > 0 ? "some" : "nobody");
  const [picked, setPicked] = useState<readonly string[]>(policy.roles);
  const { data: known } = useQuery({ ...roles, enabled: can("role.read") });
  const mine = useQuery({ queryKey: ["factors"], queryFn: () => data(factorRead()), enabled: may });
  const wanted = { everyone: who === "everyone", roles: who === "some" ? [...picked].sort() : [] };
  const same = wanted.everyone === policy.everyone && wanted.roles.join() === [...policy.roles].sort().join();
  const lacks = mine.data && !mine.data.totp && mine.data.passkeys === 0;
  const save = useMutation({
    mutationFn: () => data(secondFactorPolicyUpdate({ body: wanted })),
    networkMode: "always",
    onSuccess: (saved) => {
      queries.setQueryData(KEY, saved);
      void queries.invalidateQueries({ queryKey: session.queryKey });
      toast.good(t("sso:requireSaved"));
    },
  });
  return (
    <Section title={t("sso:require")}>
      <p className="mb-3 text-muted text-xs">{t("sso:requireLead")}</p>
      <fieldset disabled={!may} className="grid justify-items-start gap-3">
        <Segments
          label={t("sso:require")}
          value={who}
          options={WHO.map((value) => ({ value, label: t(`sso:${value}`) }))}
          onChange={(value) => setWho(value as Who)}
        />
        {who === "some" && (
          <fieldset className="grid gap-1">
            <legend className="mb-1 font-medium text-xs">{t("sso:roles")}</legend>
            {known?.map(({ id, name }) => (
              <label key={id} className="flex items-center gap-2 pointer-coarse:min-h-10">
                <input
                  type="checkbox"
                  className="size-4 accent-accent"
                  checked={picked.includes(name)}
                  onChange={(event) =>
                    setPicked(event.target.checked ? [...picked, name] : picked.filter((each) => each !== name))
                  }
                />
                {name}
              </label>
            ))}
          </fieldset>
        )}
        {may && who !== "nobody" && lacks && <p className="text-warn text-xs">{t("sso:lockOut")}</p>}
        {may && (
          <Button look="primary" disabled={same} busy={save.isPending} onClick={() => save.mutate()}>
            {t("shell:save")}
          </Button>
        )}
      </fieldset>
    </Section>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type IdentityOut, ssoIdentityDelete, ssoIdentityList, ssoLink, ssoOfferList } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";

const KEY = ["sso", "identities"];

/** Where else one may sign in from. Not shown where there is no provider and nothing linked. */
export function Identities() {
  const { t } = useTranslation();
  const [ending, setEnding] = useState<IdentityOut | null>(null);
  const { data: offers } = useQuery({ queryKey: ["sso"], queryFn: () => data(ssoOfferList()) });
  const mine = useQuery({ queryKey: KEY, queryFn: async () => (await data(ssoIdentityList())).identities });
  const link = useMutation({
    mutationFn: (id: string) => data(ssoLink({ path: { provider_id: id } })),
    networkMode: "always",
    onSuccess: ({ url }) => location.assign(url),
  });
  const providers = offers?.providers ?? [];
  const linked = mine.data ?? [];
  const named = (id: string) => providers.find((each) => each.id === id)?.name;
  if (providers.length + linked.length === 0) return null;
  return (
    <Section title={t("account:identities")}>
      <p className="mb-2 text-muted text-xs">{t("account:identitiesLead")}</p>
      {mine.isError && <ErrorPanel error={mine.error} retry={() => void mine.refetch()} />}
      <ul>
        {linked.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <div className="min-w-0 flex-1">
              <p className="truncate">{named(each.provider_id) ?? each.issuer}</p>
              <p className="text-muted text-xs">
                {each.email} ·{" "}
                {each.signed_in_at ? (
                  <>
                    {t("account:used")} <Time at={each.signed_in_at} />
                  </>
                ) : (
                  t("account:never")
                )}
              </p>
            </div>
            <Button size="small" onClick={() => setEnding(each)}>
              {t("account:unlink")}
            </Button>
          </li>
        ))}
      </ul>
      {linked.length === 0 && <p className="mb-2 text-muted">{t("account:noIdentities")}</p>}
      <div className="flex flex-wrap gap-2">
        {providers
          .filter(({ id }) => !linked.some((each) => each.provider_id === id))
          .map(({ id, name }) => (
            <Button key={id} busy={link.isPending && link.variables === id} onClick={() => link.mutate(id)}>
              {t("account:link", { name })}
            </Button>
          ))}
      </div>
      <Confirm
        open={ending !== null}
        onOpenChange={() => setEnding(null)}
        title={t("account:unlinkTitle", { name: ending && (named(ending.provider_id) ?? ending.issuer) })}
        lead={t("account:unlinkLead")}
        verb={t("account:unlink")}
        danger
        act={async () => {
          await data(ssoIdentityDelete({ path: { identity_id: ending?.id ?? "" } }));
          await queries.invalidateQueries({ queryKey: KEY });
        }}
      />
    </Section>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, Ellipsis, Pause, Pencil, Play, Stethoscope, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ProviderOut, ssoProviderDelete, ssoProviderRead, ssoProviderTest, ssoProviderUpdate } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { Facts, PageHead, Section } from "@/parts/Page";
import { Badge, CopyButton, Skeleton } from "@/parts/small";
import { useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { useWhere } from "../shared/Place";
import { ProviderForm } from "./ProviderForm";
import { ProviderState } from "./Providers";

export default function ProviderPage() {
  const { t } = useTranslation();
  const can = useCan();
  const id = useId();
  const {
    data: provider,
    error,
    refetch,
  } = useQuery({
    queryKey: ["sso", "providers", id],
    queryFn: () => data(ssoProviderRead({ path: { provider_id: id } })),
  });
  const test = useMutation({
    mutationFn: () => data(ssoProviderTest({ path: { provider_id: id } })),
    networkMode: "always",
  });
  if (error && !provider) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={provider?.name ?? "…"}
        back={{ to: "/settings/sign-in", title: t("sso:title") }}
        state={provider && <ProviderState enabled={provider.enabled} />}
        lead={provider?.issuer}
      >
        {provider && can("sso.manage") && (
          <>
            <Button icon={<Stethoscope />} busy={test.isPending} onClick={() => test.mutate()}>
              {t("sso:test")}
            </Button>
            <Verbs provider={provider} />
          </>
        )}
      </PageHead>
      <div className="min-h-0 flex-1 overflow-y-auto border-t">
        {test.data && (
          <Section title={t("sso:testing")}>
            <p className="mb-2">
              <Badge tone={test.data.ok ? "good" : "bad"} icon={test.data.ok ? <CircleCheck /> : <CircleX />}>
                {t(test.data.ok ? "sso:ok" : "sso:bad")}
              </Badge>
            </p>
            <ul aria-live="polite" className="grid gap-1">
              {test.data.findings.map((each) => (
                <li key={each.what} className="flex items-start gap-2">
                  {each.ok ? (
                    <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-label={t("sso:yes")} />
                  ) : (
                    <CircleX className="mt-0.5 size-4 shrink-0 text-bad" aria-label={t("sso:no")} />
                  )}
                  <span className="min-w-0 break-words">
                    {each.what}: <span className="text-muted">{each.said}</span>
                  </span>
                </li>
              ))}
            </ul>
          </Section>
        )}
        {provider ? <Body provider={provider} /> : <Skeleton className="m-6 h-24" />}
      </div>
    </div>
  );
}

function Body({ provider }: { provider: ProviderOut }) {
  const { t } = useTranslation();
  const where = useWhere();
  const { projects, environments } = useScope();
  const named = (all: readonly { id: string; name: string }[], id: string | null) =>
    id && (all.find((each) => each.id === id)?.name ?? id);
  const said = (value: boolean) => t(value ? "sso:yes" : "sso:no");
  return (
    <>
      <Section title={t("sso:redirect")}>
        <p className="text-muted text-xs">{t("sso:redirectLead")}</p>
        <p className="flex items-center gap-1">
          <code className="min-w-0 break-all">{provider.redirect_uri}</code>
          <CopyButton inline text={provider.redirect_uri} label={t("shell:copy")} />
        </p>
      </Section>
      <Section title={t("sso:settings")}>
        <Facts
          facts={[
            [t("sso:clientId"), <code key="id">{provider.client_id}</code>],
            [t("sso:secret"), said(provider.has_secret)],
            [t("sso:scopes"), provider.scopes.join(" ")],
            [t("sso:domains"), provider.allowed_domains.join(", ") || t("sso:every")],
            [t("sso:claim"), <code key="claim">{provider.group_claim}</code>],
            [t("sso:createAccounts"), said(provider.create_accounts)],
            [t("sso:trust"), said(provider.trust_factors)],
          ]}
        />
      </Section>
      <Section title={t("sso:mapping")}>
        {provider.mapping.length === 0 && <p className="text-muted">{t("sso:noMapping")}</p>}
        <ul className="max-w-2xl">
          {provider.mapping.map((rule) => (
            <li
              key={`${rule.group} ${rule.role} ${rule.project_id} ${rule.environment_id}`}
              className="flex items-center gap-3 border-t py-1.5 first:border-t-0"
            >
              <span className="min-w-0 flex-1 truncate sm:w-64 sm:flex-none">{rule.group}</span>
              <Badge>{rule.role}</Badge>
              <span className="min-w-0 truncate text-muted">
                {where({
                  project: named(projects, rule.project_id),
                  environment: named(environments, rule.environment_id),
                })}
              </span>
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

function Verbs({ provider }: { provider: ProviderOut }) {
  const { t } = useTranslation();
  const go = useGo();
  const [doing, setDoing] = useState<"edit" | "remove" | null>(null);
  const path = { provider_id: provider.id };
  const toggle = useMutation({
    mutationFn: () =>
      data(
        ssoProviderUpdate({
          path,
          body: { enabled: !provider.enabled },
          headers: { "If-Match": `"v${provider.version}"` },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["sso"] }),
  });
  return (
    <>
      <Button icon={<Pencil />} onClick={() => setDoing("edit")}>
        {t("sso:edit")}
      </Button>
      <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
        <Item icon={provider.enabled ? <Pause /> : <Play />} onSelect={() => toggle.mutate()}>
          {t(provider.enabled ? "sso:switchOff" : "sso:switchOn")}
        </Item>
        <Line />
        <Item icon={<Trash2 />} danger onSelect={() => setDoing("remove")}>
          {t("sso:remove")}
        </Item>
      </Menu>
      {doing === "edit" && <ProviderForm provider={provider} onClose={() => setDoing(null)} />}
      <Confirm
        open={doing === "remove"}
        onOpenChange={() => setDoing(null)}
        danger
        title={t("sso:removeTitle", { name: provider.name })}
        lead={t("sso:removeLead")}
        verb={t("sso:remove")}
        name={provider.name}
        act={async () => {
          await data(ssoProviderDelete({ path }));
          go("/settings/sign-in");
          await queries.invalidateQueries({ queryKey: ["sso"] });
        }}
      />
    </>
  );
}

import { useTranslation } from "react-i18next";
import { Facts, Section } from "@/parts/Page";
import { Badge, CopyButton, Skeleton, Time } from "@/parts/small";
import { count } from "@/parts/text";
import { useScope } from "@/shell/scope";
import { written } from "../../databases/settings/labels";
import { Deleted } from "../Deleted";
import { DeployHint } from "../DeployHint";
import { versionName } from "../listed";
import { OpenapiLinks, OpenapiOwn } from "../openapi";
import type { TabProps } from "../tabs";
import { useStanding } from "../useVersions";
import { HostLink } from "../words";
import { Fares } from "./Fares";

/** Where it is reached, what takes its requests, and how it fares. */
export function Overview({ worker }: TabProps) {
  const { data: standing } = useStanding(worker.id);
  const isGone = worker.deleted_at !== null;
  return (
    <>
      {isGone && <Deleted worker={worker} />}
      {!isGone && standing?.deployed.length === 0 && <FirstVersion name={worker.name} />}
      <Where worker={worker} />
      {standing && (standing.deployed.length > 0 || standing.last_at) && <Fares worker={worker} />}
      <About worker={worker} />
    </>
  );
}

function FirstVersion({ name }: { name: string }) {
  const { t } = useTranslation();
  return (
    <div className="m-4 mb-0 grid justify-items-start gap-2 rounded-lg border bg-sunken px-4 py-3 sm:m-6 sm:mb-0">
      <p className="font-medium">{t("workers:noVersion")}</p>
      <p className="text-muted text-xs">{t("workers:noVersionLead")}</p>
      <DeployHint name={name} />
    </div>
  );
}

function Where({ worker }: TabProps) {
  const { t } = useTranslation();
  const { data: standing } = useStanding(worker.id);
  const dash = standing ? <span className="text-faint">–</span> : <Skeleton className="my-0.5 h-4 w-24" />;
  return (
    <Section title={t("workers:standing")}>
      <Facts
        facts={[
          [
            t("workers:addresses"),
            standing ? (
              <span key="at" className="grid justify-items-start">
                {standing.addresses.map((address) => (
                  <span key={address} className="inline-flex max-w-full items-center gap-1">
                    <HostLink address={address} slug={worker.slug} />
                    <CopyButton inline text={address} label={t("shell:copy")} />
                  </span>
                ))}
              </span>
            ) : (
              dash
            ),
            "wide",
          ],
          [
            t("workers:deployed"),
            standing?.deployed.length ? (
              <span key="deployed" className="flex flex-wrap gap-x-2">
                {standing.deployed.map((each) => (
                  <span key={each.version_id}>
                    {versionName(each)} <span className="text-muted">{each.weight} %</span>
                  </span>
                ))}
              </span>
            ) : (
              dash
            ),
          ],
          [t("workers:requestsDay"), standing ? count(standing.requests) : dash],
          [
            t("workers:errorsDay"),
            standing ? (
              <span key="errors" className={standing.errors ? "font-medium text-bad" : undefined}>
                {count(standing.errors)}
              </span>
            ) : (
              dash
            ),
          ],
          [t("workers:lastCall"), standing ? <Time key="last" at={standing.last_at} /> : dash],
          [
            t("workers:openapi"),
            <span key="openapi" className="grid gap-1">
              <OpenapiLinks worker={worker.id} />
              {standing?.addresses[0] && <OpenapiOwn address={standing.addresses[0]} />}
            </span>,
            "wide",
          ],
        ]}
      />
    </Section>
  );
}

function About({ worker }: TabProps) {
  const { t } = useTranslation();
  const { environments } = useScope();
  return (
    <Section title={t("databases:about")}>
      <Facts
        facts={[
          [
            "ID",
            <span key="id" className="inline-flex items-center gap-1 break-all font-mono text-xs">
              {worker.id}
              <CopyButton inline text={worker.id} label={t("shell:copy")} />
            </span>,
          ],
          [t("databases:created"), <Time key="at" at={worker.created_at} />],
          [t("shell:environment"), environments.find(({ id }) => id === worker.environment_id)?.name ?? "–"],
          [
            t("databases:labels"),
            Object.keys(worker.labels).length === 0 ? (
              "–"
            ) : (
              <span key="labels" className="flex flex-wrap gap-1">
                {Object.entries(worker.labels).map((each) => (
                  <Badge key={each[0]}>{written(each)}</Badge>
                ))}
              </span>
            ),
          ],
        ]}
      />
      {worker.description && <p className="mt-4 max-w-prose whitespace-pre-wrap text-muted">{worker.description}</p>}
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type OutcomeOut, type PlanOut, planCoverage, retentionPreview } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Field, Select } from "@/parts/Field";
import { Section } from "@/parts/Page";
import { Badge, Size, Skeleton, Time } from "@/parts/small";
import { bytes } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";

/** Which snapshots of a database the plan's rules would let go, and why. Nothing is changed by looking. */
export function Thinning({ plan }: { plan: PlanOut }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState("");
  const { data: covered, error } = useQuery({
    queryKey: ["plans", plan.id, "coverage", "names"],
    queryFn: async () => (await data(planCoverage({ path: { plan_id: plan.id }, query: { limit: 200 } }))).items,
    enabled: plan.retention !== null,
  });
  const database = chosen || covered?.[0]?.resource_id || "";
  if (plan.retention === null) return <p className="p-6 text-muted">{t("plans:keepAll")}</p>;
  if (error) return <ErrorPanel error={error} />;
  return (
    <Section title={t("plans:thinning")}>
      <div className="grid max-w-3xl gap-4">
        <p className="text-muted">{t("plans:thinningLead")}</p>
        {covered && covered.length === 0 ? (
          <p>{t("plans:coversNothing")}</p>
        ) : (
          <div className="max-w-xs">
            <Field label={t("plans:database")}>
              {(given) => (
                <Select {...given} value={database} onChange={(event) => setChosen(event.target.value)}>
                  {(covered ?? []).map((each) => (
                    <option key={`${each.resource_id} ${each.repository_id}`} value={each.resource_id}>
                      {each.resource_name}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          </div>
        )}
        {database && <Verdicts key={database} plan={plan} database={database} />}
      </div>
    </Section>
  );
}

function Verdicts({ plan, database }: { plan: PlanOut; database: string }) {
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", "retention", database, plan.id, plan.version],
    queryFn: () =>
      data(
        retentionPreview({
          path: { database_id: database },
          query: { limit: 100 },
          body: { policy: plan.retention as Record<string, never> },
        }),
      ),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Skeleton className="h-24" />;
  return <Outcome of={found} />;
}

/** How many would go, and of each snapshot whether it stays and why. */
export function Outcome({ of: found }: { of: OutcomeOut }) {
  const { t } = useTranslation();
  if (found.verdicts.length === 0) return <p className="text-muted">{t("plans:noSnapshots")}</p>;
  return (
    <>
      <p aria-live="polite" className="font-medium">
        {t("plans:wouldGo", { count: found.go, keep: found.keep, size: bytes(found.free_bytes) })}
      </p>
      <ul className="grid">
        {found.verdicts.map((each) => (
          <li key={each.snapshot_id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t py-2">
            <span className="sm:w-20">
              <Badge tone={each.keep ? "good" : "warn"}>{each.keep ? t("plans:stays") : t("plans:goes")}</Badge>
            </span>
            <A to={`/snapshots/${each.snapshot_id}`} className="text-accent-text hover:underline sm:w-24">
              <Time at={each.taken_at} />
            </A>
            <span className="min-w-40 flex-1 text-muted text-xs">{each.reasons.join("; ")}</span>
            <span className="text-muted text-xs tabular-nums">
              <Size of={each.stored_bytes} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type ColderOut,
  type RepositoryOut,
  repositoryColder,
  repositoryPricesSet,
  repositorySavings,
  type SavingsOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Chart } from "@/parts/chart/Chart";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Facts, Section } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { bytes, count } from "@/parts/text";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { language } from "@/shell/words";
import { Colder } from "./Colder";
import { money, priceNames, pricesOf } from "./money";

/** What a repository spares and costs, by storage class; its prices, and what goes to a colder class. */
export function RepositorySavings({ repository }: { repository: RepositoryOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const path = { repository_id: repository.id };
  const savings = useQuery({
    queryKey: ["repositories", repository.id, "savings"],
    queryFn: () => data(repositorySavings({ path })),
  });
  const colder = useQuery({
    queryKey: ["repositories", repository.id, "colder"],
    queryFn: () => data(repositoryColder({ path })),
  });
  const error = savings.error ?? colder.error;
  if (error) return <ErrorPanel error={error} />;
  if (!savings.data || !colder.data) return <Skeleton className="m-6 h-40" />;
  return (
    <>
      <Numbers of={savings.data} />
      {can("repository.update") && <Prices key={repository.id} savings={savings.data} colder={colder.data} />}
      <Colder repository={repository} colder={colder.data} />
      <p className="px-4 py-3 text-muted text-xs sm:px-6">{t("savings:how")}</p>
    </>
  );
}

function Numbers({ of }: { of: SavingsOut }) {
  const { t } = useTranslation();
  const spend = (value: number | null) =>
    value === null || !of.currency ? "–" : money(value, of.currency, language());
  const points = useMemo(
    () => [
      { what: t("savings:logical"), bytes: of.logical_bytes },
      { what: t("savings:stored"), bytes: of.stored_bytes },
      ...(of.classes.length > 1 ? of.classes.map(({ name, bytes }) => ({ what: name, bytes })) : []),
    ],
    [of, t],
  );
  const part = of.logical_bytes > 0 ? Math.round((100 * of.saved_bytes) / of.logical_bytes) : 0;
  return (
    <Section title={t("savings:title")} aside={of.counted_at && <Time at={of.counted_at} />}>
      <Facts
        facts={[
          [t("savings:logical"), bytes(of.logical_bytes)],
          [t("savings:stored"), bytes(of.stored_bytes)],
          [t("savings:saved"), `${bytes(of.saved_bytes)} (${part} %)`],
          [t("savings:snapshots"), count(of.snapshots)],
          [t("savings:collected"), bytes(of.collected_30d_bytes)],
          [t("savings:deleted"), `${count(of.deleted_30d)} · ${bytes(of.deleted_30d_bytes)}`],
          [t("savings:cost"), spend(of.cost)],
          [t("savings:packingSaves"), spend(of.packing_saves)],
          ...(of.colder_bytes > 0
            ? [
                [t("savings:colderBytes"), bytes(of.colder_bytes)] as const,
                [t("savings:colderSaves"), spend(of.colder_saves)] as const,
              ]
            : []),
        ]}
      />
      {of.logical_bytes > 0 && (
        <div className="mt-5 max-w-3xl">
          <Chart
            kind="bar"
            label={t("savings:chart")}
            points={points}
            x={{ key: "what", as: "name" }}
            series={[{ key: "bytes", title: t("savings:size") }]}
            inBytes
            format={(value) => bytes(value)}
            height={180}
          />
        </div>
      )}
    </Section>
  );
}

function Prices({ savings, colder }: { savings: SavingsOut; colder: ColderOut }) {
  const { t } = useTranslation();
  const known = colder.prices;
  const [currency, setCurrency] = useState(known?.currency ?? "EUR");
  const [typed, setTyped] = useState<Record<string, string>>(
    Object.fromEntries(Object.entries(known?.per_gb_month ?? {}).map(([name, price]) => [name, String(price)])),
  );
  const save = useMutation({
    mutationFn: () =>
      data(
        repositoryPricesSet({
          path: { repository_id: colder.repository_id },
          body: { prices: pricesOf(currency, typed) },
        }),
      ),
    meta: { quiet: true },
    onSuccess: () =>
      Promise.all(["repositories", "savings"].map((noun) => queries.invalidateQueries({ queryKey: [noun] }))),
  });
  return (
    <Section title={t("savings:prices")}>
      <p className="mb-3 max-w-prose text-muted text-xs">{t("savings:pricesLead")}</p>
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <div className="w-24">
          <Field label={t("savings:currency")}>
            {(given) => (
              <Input {...given} maxLength={8} value={currency} onChange={(event) => setCurrency(event.target.value)} />
            )}
          </Field>
        </div>
        {priceNames(savings.classes, colder.classes, known).map((name) => (
          <div key={name} className="w-36">
            <Field label={name}>
              {(given) => (
                <Input
                  {...given}
                  inputMode="decimal"
                  placeholder="0.00"
                  value={typed[name] ?? ""}
                  onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
                />
              )}
            </Field>
          </div>
        ))}
        <Button type="submit" busy={save.isPending}>
          {t("shell:save")}
        </Button>
      </form>
      {save.error && (
        <div className="mt-3 max-w-xl">
          <ErrorText error={asError(save.error)} />
        </div>
      )}
    </Section>
  );
}

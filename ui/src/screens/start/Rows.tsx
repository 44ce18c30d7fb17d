import { useQuery } from "@tanstack/react-query";
import { CalendarClock, CircleCheck, Database } from "lucide-react";
import { useTranslation } from "react-i18next";
import { databaseGet, databaseQuery } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { count } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { RunQuery, useCounted } from "./counted";
import type { StepProps } from "./StartPage";
import { isSample, SEEN } from "./sample";

/** What came back, read out of the database itself. */
export function Rows({ of }: StepProps) {
  const { t } = useTranslation();
  const can = useCan();
  const {
    data: database,
    error,
    refetch,
  } = useQuery({
    queryKey: ["databases", of.target],
    queryFn: () => data(databaseGet({ path: { database_id: of.target } })),
  });
  if (error && !database) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!database) return <Skeleton className="h-28 w-full" />;
  return (
    <div className="grid gap-4">
      <p className="flex items-center gap-2 font-medium text-good">
        <CircleCheck className="size-4" aria-hidden />
        {t("start:rows.back", { name: database.name })}
      </p>
      {(!of.own || isSample(database)) && <Orders database={of.target} />}
      <p className="text-pretty text-muted">{t("start:rows.next")}</p>
      <div className="flex flex-wrap gap-2">
        {can("plan.write", "plan.read") && (
          <Button look="primary" asChild>
            <A to="/plans">
              <CalendarClock />
              {t("start:rows.plan")}
            </A>
          </Button>
        )}
        <Button asChild>
          <A to={`/databases/${of.target}`}>
            <Database />
            {t("create:open")}
          </A>
        </Button>
      </div>
    </div>
  );
}

function Orders({ database }: { database: string }) {
  const { t } = useTranslation();
  const counted = useCounted(database);
  const { data: seen, error } = useQuery({
    queryKey: ["databases", database, "seen"],
    staleTime: 0,
    queryFn: ({ signal }) =>
      data(databaseQuery({ path: { database_id: database }, body: { statement: SEEN }, signal })),
  });
  if (error || counted.error) return <ErrorPanel error={error ?? counted.error} retry={() => void counted.refetch()} />;
  if (!seen || counted.isPending) return <Skeleton className="h-36 w-full" />;
  return (
    <>
      <RunQuery
        statement={counted.statement}
        tone="good"
        said={t("start:rowsOf", { count: counted.rows, shown: count(counted.rows) })}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section className="overflow-x-auto rounded-md border" aria-label={t("start:rows.short")} tabIndex={0}>
        <table className="w-full text-left text-xs">
          <thead className="bg-sunken text-muted">
            <tr>
              {seen.columns.map(({ name }) => (
                <th key={name} scope="col" className="px-3 py-1.5 font-medium">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {seen.rows.map((row) => (
              <tr key={String(row[0])}>
                {row.map((cell, at) => (
                  <td key={seen.columns[at]?.name} className="whitespace-nowrap border-t px-3 py-1.5">
                    {String(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { CircleCheck, ListChecks, Minus, Pencil, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DatabaseOut, type DifferenceOut, migrationDrift } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Badge, Empty, Skeleton, Time, type Tone } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { RunSheet } from "./RunSheet";

const LOOKS: Record<string, [Tone, typeof Plus]> = {
  added: ["good", Plus],
  removed: ["bad", Minus],
  changed: ["warn", Pencil],
};

/** What was changed besides migrations, as the lines that went and the lines that came. */
export function Drift({ database }: { database: DatabaseOut }) {
  const { t } = useTranslation();
  const able = useCan()("migration.apply");
  const [taking, setTaking] = useState(false);
  const {
    data: drift,
    error,
    refetch,
  } = useQuery({
    queryKey: ["migrations", database.id, "drift"],
    queryFn: () => data(migrationDrift({ path: { database_id: database.id } })),
  });
  const take = able && (
    <Button icon={<ListChecks />} onClick={() => setTaking(true)}>
      {t("migrations:take")}
    </Button>
  );
  const sheet = taking && (
    <RunSheet act="baseline" database={database} standings={[]} onClose={() => setTaking(false)} />
  );
  if (error && asError(error).code === "no_baseline")
    return (
      <>
        <Empty
          icon={<ListChecks />}
          title={t("migrations:noBaseline")}
          lead={t("migrations:noBaselineLead")}
          action={take}
        />
        {sheet}
      </>
    );
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!drift) return <Skeleton className="m-6 h-24" />;
  const since = (
    <p className="text-balance text-muted text-xs">
      {t("migrations:since")} <Time at={drift.since} />
      {drift.number !== null && ` · ${t("migrations:afterNumber", { number: drift.number })}`}
    </p>
  );
  if (drift.differences.length === 0)
    return <Empty icon={<CircleCheck />} title={t("migrations:noDrift")} lead={since} />;
  return (
    <div className="grid h-full content-start gap-3 overflow-y-auto px-4 py-4 sm:px-6">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <div>
          <h2 className="font-semibold text-sm">{t("migrations:drifted", { count: drift.differences.length })}</h2>
          {since}
        </div>
        {take}
      </div>
      <ul className="grid gap-2">
        {drift.differences.map((each) => (
          <Difference key={`${each.what} ${each.name}`} of={each} />
        ))}
      </ul>
      {sheet}
    </div>
  );
}

function Difference({ of }: { of: DifferenceOut }) {
  const { t } = useTranslation();
  const [tone, Icon] = LOOKS[of.change] ?? ["plain", Pencil];
  return (
    <li className="min-w-0 rounded-md border">
      <p className="flex flex-wrap items-center gap-2 px-3 py-2">
        <Badge tone={tone} icon={<Icon />}>
          {t(`migrations:changes.${of.change}`, { defaultValue: of.change })}
        </Badge>
        <span className="text-muted text-xs">{of.what}</span>
        <code className="break-all font-mono text-xs">{of.name}</code>
      </p>
      {(of.before || of.now) && (
        <div className="overflow-x-auto border-t font-mono text-xs">
          {of.before && <Lines text={of.before} sign="-" className="bg-bad-soft text-bad" />}
          {of.now && <Lines text={of.now} sign="+" className="bg-good-soft text-good" />}
        </div>
      )}
    </li>
  );
}

function Lines({ text, sign, className }: { text: string; sign: string; className: string }) {
  return (
    <pre className={`whitespace-pre-wrap break-words px-3 py-1 ${className}`}>
      {text
        .split("\n")
        .map((line) => `${sign} ${line}`)
        .join("\n")}
    </pre>
  );
}

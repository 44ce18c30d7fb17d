import type { UseQueryResult } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Database, Footprints, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ProtectedOut, ProtectionOut } from "@/api";
import { Button } from "@/parts/Button";
import { cx } from "@/parts/classes";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Empty, Size, Skeleton } from "@/parts/small";
import { ago, bytes, count } from "@/parts/text";
import { A } from "@/shell/address";
import { useCan } from "@/shell/session";
import { mayGuide } from "../start/guide";

type Level = ProtectedOut["level"];
const ICONS = { bad: CircleAlert, warn: TriangleAlert, good: CircleCheck } as const;
const COLOURS = { bad: "text-bad", warn: "text-warn", good: "text-good" } as const;
const BARS = { bad: "bg-bad", warn: "bg-warn", good: "bg-good" } as const;
const LEVELS: readonly Level[] = ["good", "warn", "bad"];

export function ProtectionState({ of }: { of: UseQueryResult<ProtectionOut> }) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: found, error, refetch } = of;
  if (!can("metric.read")) return <Nothing />;
  if (error && !found) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!found) return <Waiting />;
  const all = found.good + found.warn + found.bad;
  if (all === 0) return <Nothing />;
  return (
    <>
      <Section title={t("overview:protection")}>
        <div className="flex h-1.5 gap-0.5 overflow-hidden rounded-full" aria-hidden>
          {LEVELS.filter((level) => found[level] > 0).map((level) => (
            <span key={level} className={BARS[level]} style={{ flexGrow: found[level] }} />
          ))}
        </div>
        <dl className="mt-3 flex flex-wrap gap-x-8 gap-y-3">
          {LEVELS.map((level) => (
            <Count key={level} level={level} of={found[level]} />
          ))}
          <div className="sm:ml-auto sm:text-right">
            <dt className="text-muted text-xs">{t("overview:size")}</dt>
            <dd className="font-semibold text-xl">{bytes(found.source_bytes)}</dd>
            <dd className="text-muted text-xs">{t("overview:stored", { size: bytes(found.stored_bytes) })}</dd>
          </div>
        </dl>
      </Section>
      <ul>
        {found.worst.map((each) => (
          <Row key={each.id} of={each} />
        ))}
      </ul>
      {all > found.worst.length && (
        <div className="border-b px-4 py-2.5 sm:px-6">
          <A to="/databases" className="text-accent-text hover:underline">
            {t("overview:all", { count: all, shown: count(all) })}
          </A>
        </div>
      )}
    </>
  );
}

function Count({ level, of }: { level: Level; of: number }) {
  const { t } = useTranslation();
  const Icon = ICONS[level];
  return (
    <div>
      <dt className="flex items-center gap-1.5 text-muted text-xs">
        <Icon className={cx("size-3", COLOURS[level])} aria-hidden />
        {t(`overview:levels.${level}`)}
      </dt>
      <dd className="font-semibold text-xl">{count(of)}</dd>
    </div>
  );
}

function Row({ of }: { of: ProtectedOut }) {
  const { t } = useTranslation();
  const Icon = ICONS[of.level];
  return (
    <li className="relative flex min-h-11 items-center gap-3 border-b px-4 py-1.5 hover:bg-hover sm:px-6">
      <Icon className={cx("size-4 shrink-0", COLOURS[of.level])} aria-label={t(`overview:levels.${of.level}`)} />
      <div className="min-w-0 flex-1">
        <A
          to={`/databases/${of.id}`}
          className="inset-ring-focus block truncate font-medium after:absolute after:inset-0"
        >
          {of.name}
        </A>
        <p className="truncate text-muted text-xs">{t(`overview:why.${of.why}`, { ago: of.at ? ago(of.at) : "" })}</p>
      </div>
      <span className="hidden max-w-40 truncate text-muted text-xs sm:block">{of.environment}</span>
      <span className="w-16 text-right text-muted text-xs">
        <Size of={of.source_bytes} />
      </span>
    </li>
  );
}

/** Where there is nothing yet, the guide is the shortest way to something. */
function Nothing() {
  const { t } = useTranslation();
  const can = useCan();
  return (
    <Empty
      icon={<Database />}
      title={t("databases:first")}
      lead={can("database.create") ? t("start:offerLead") : undefined}
      action={
        mayGuide(can) && (
          <Button look="primary" asChild>
            <A to="/start">
              <Footprints />
              {t("start:begin")}
            </A>
          </Button>
        )
      }
    />
  );
}

export function Waiting() {
  return (
    <div className="grid gap-4 p-6">
      <Skeleton className="h-4 w-32" />
      <Skeleton className="h-1.5 w-full" />
      <div className="flex gap-8">
        <Skeleton className="h-10 w-20" />
        <Skeleton className="h-10 w-20" />
        <Skeleton className="h-10 w-20" />
      </div>
      {[1, 2, 3, 4].map((each) => (
        <Skeleton key={each} className="h-8 w-full" />
      ))}
    </div>
  );
}

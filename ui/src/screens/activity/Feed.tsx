import { useInfiniteQuery } from "@tanstack/react-query";
import { CircleCheck, CircleSlash, CircleX, ScrollText } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type ActivityOut, activityList } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Empty, Skeleton } from "@/parts/small";
import { clock } from "@/parts/text";
import { useAddress } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { language } from "@/shell/words";
import { AuditSheet } from "./audit/AuditSheet";
import { folded, type Told } from "./days";
import { useNames } from "./useNames";

const PAGE = 100;

/** A timeline in sentences, newest first; whoever may not read the audit log sees what they did themselves. */
export function Feed() {
  const { t } = useTranslation();
  const can = useCan();
  const [search, set] = useAddress();
  const { filter, isLoading } = useScope();
  const mine = !can("audit.read");
  const found = useInfiniteQuery({
    queryKey: ["activity", "feed", filter, mine],
    queryFn: ({ pageParam, signal }) =>
      data(activityList({ query: { ...filter, mine, limit: PAGE, cursor: pageParam }, signal })),
    enabled: !isLoading,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const names = useNames(isLoading ? null : filter);
  const days = useMemo(() => folded(found.data?.pages.flatMap(({ items }) => items) ?? []), [found.data]);
  if (found.isError && !found.data) return <ErrorPanel error={found.error} retry={() => void found.refetch()} />;
  if (found.isPending) return <Waiting />;
  if (days.length === 0) return <Empty icon={<ScrollText />} title={t("activity:nothing")} />;
  return (
    <div className="h-full overflow-y-auto px-4 py-4 sm:px-6">
      <div className="mx-auto max-w-3xl">
        {mine && <p className="mb-4 rounded-md bg-hover px-3 py-2 text-muted text-sm">{t("activity:onlyOwn")}</p>}
        {days.map(({ day, told }) => (
          <section key={day} className="mb-6">
            <h2 className="mb-2 font-semibold text-sm">{dayName(day)}</h2>
            <ol className="border-l">
              {told.map((each) => (
                <Moment
                  key={each.last.seq}
                  told={each}
                  names={names}
                  open={mine ? undefined : (seq) => set({ row: String(seq) }, true)}
                />
              ))}
            </ol>
          </section>
        ))}
        {found.hasNextPage && (
          <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            {t("activity:older")}
          </Button>
        )}
      </div>
      {search.row && !mine && <AuditSheet id={search.row} onClose={() => set({ row: undefined })} />}
    </div>
  );
}

const MARKS = {
  ok: [CircleCheck, "text-faint"],
  denied: [CircleSlash, "text-warn"],
  failed: [CircleX, "text-bad"],
} as const;

const DATABASE = /\bdb_[0-9a-z]{26}\b/g;

function Moment({
  told: { last, times },
  names,
  open,
}: {
  told: Told<ActivityOut>;
  names: ReadonlyMap<string, string>;
  open?: ((seq: number) => void) | undefined;
}) {
  const { t } = useTranslation();
  const [Icon, look] = MARKS[last.outcome as keyof typeof MARKS] ?? MARKS.ok;
  const body = (
    <>
      <span className="min-w-0 flex-1 text-left [overflow-wrap:anywhere]">
        {last.sentence.replace(DATABASE, (id) => names.get(id) ?? id)}
        {times > 1 && <span className="text-muted"> {t("activity:times", { count: times })}</span>}
        {last.outcome !== "ok" && <span className="sr-only"> {t(`activity:outcomes.${last.outcome}`)}</span>}
      </span>
      <time dateTime={last.at} className="shrink-0 pt-px text-muted text-xs tabular-nums">
        {clock(last.at)}
      </time>
    </>
  );
  const row = "flex w-full items-start gap-3 rounded-md py-1 pr-2 pl-3";
  return (
    <li className="relative pl-3">
      <Icon className={`-left-[7px] absolute top-1.5 size-3.5 bg-panel ${look}`} aria-hidden />
      {open ? (
        <button type="button" className={`${row} hover:bg-hover`} onClick={() => open(last.seq)}>
          {body}
        </button>
      ) : (
        <p className={row}>{body}</p>
      )}
    </li>
  );
}

function dayName(day: string): string {
  return new Intl.DateTimeFormat(language(), { weekday: "long", day: "numeric", month: "long" }).format(
    new Date(`${day}T12:00`),
  );
}

function Waiting() {
  return (
    <div className="mx-auto grid max-w-3xl gap-3 p-6" aria-hidden>
      {["w-3/5", "w-2/5", "w-1/2", "w-2/3", "w-2/5"].map((width, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: all alike
        <Skeleton key={at} className={`h-4 ${width}`} />
      ))}
    </div>
  );
}

import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { CircleX, TriangleAlert } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type OutlookOut, restorePreview, type SnapshotOut, snapshotRestore } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel, ErrorText, sentence } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Facts } from "@/parts/Page";
import { Skeleton } from "@/parts/small";
import { bytes, count, lasted } from "@/parts/text";
import { A } from "@/shell/address";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { Foot } from "./Foot";
import { bodyOf, remedyOf, type Spoken, type Wish } from "./wish";

type Set_ = (patch: Record<string, string | undefined>) => void;

interface Props {
  snapshot: SnapshotOut;
  wish: Wish;
  spoken: Spoken;
  onSpoken: (spoken: Spoken) => void;
  /** In place of this step in the history. */
  set: Set_;
  go: Set_;
}

/** What it would do, by the server's own look; what must be said is said here, and then it begins. */
export function Outlook({ snapshot, wish, spoken, onSpoken, set, go }: Props) {
  const { t } = useTranslation();
  const [key, setKey] = useState(once);
  const body = bodyOf(wish, { ...spoken, confirm: "" });
  const {
    data: outlook,
    error,
    refetch,
    isPlaceholderData,
  } = useQuery({
    queryKey: ["snapshots", snapshot.id, "preview", body],
    queryFn: () => data(restorePreview({ path: { snapshot_id: snapshot.id }, body })),
    placeholderData: keepPreviousData,
    staleTime: 0, // a name that was free may be taken, and a database that was ready stopped
  });
  const begin = useMutation({
    mutationFn: () =>
      data(snapshotRestore({ path: { snapshot_id: snapshot.id }, body: bodyOf(wish, spoken), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onError: () => {
      setKey(once());
      void refetch();
    },
    onSuccess: ({ run }) => {
      queries.setQueryData(["runs", run.id], run);
      for (const noun of ["runs", "databases"]) void queries.invalidateQueries({ queryKey: [noun, "list"] });
      onSpoken({ confirm: "", override: false });
      set({ step: "run", run: run.id });
    },
  });
  if (error && !outlook) return <ErrorPanel error={error} retry={() => void refetch()} />;
  if (!outlook) return <Waiting />;
  const typedName = wish.mode === "new" || (outlook.confirm !== null && spoken.confirm === outlook.confirm);
  const able = outlook.blockers.length === 0 && typedName && !isPlaceholderData;
  return (
    <form
      className="grid gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        if (able && !begin.isPending) begin.mutate();
      }}
    >
      <Planned outlook={outlook} snapshot={snapshot} wish={wish} />
      {outlook.blockers.map((each) => (
        <Blocker key={String(each.code)} of={each} snapshot={snapshot} go={go} />
      ))}
      {(spoken.override || outlook.blockers.some(({ code }) => remedyOf(String(code)) === "override")) && (
        <Tick checked={spoken.override} onChange={(override) => onSpoken({ ...spoken, override })}>
          {t("restore:override")}
        </Tick>
      )}
      {outlook.warnings.length > 0 && (
        <ul className="grid gap-1.5 rounded-md bg-warn-soft px-3 py-2 text-warn">
          {outlook.warnings.map((each) => (
            <li key={each} className="flex gap-2">
              <TriangleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
              {each}
            </li>
          ))}
        </ul>
      )}
      {wish.mode === "in_place" && (
        <div className="grid gap-3">
          <Tick checked={wish.safety} onChange={(safety) => set({ safety: safety ? undefined : "0" })}>
            {t("restore:safety")}
          </Tick>
          {outlook.confirm !== null && (
            <Field label={t("shell:typeName", { name: outlook.confirm })}>
              {(given) => (
                <Input
                  {...given}
                  autoComplete="off"
                  spellCheck={false}
                  className="font-mono"
                  value={spoken.confirm}
                  onChange={(event) => onSpoken({ ...spoken, confirm: event.target.value })}
                />
              )}
            </Field>
          )}
        </div>
      )}
      {begin.error && <ErrorText error={asError(begin.error)} />}
      <Foot snapshot={snapshot.id} back={() => go({ step: "where" })}>
        <Button
          look={wish.mode === "in_place" ? "danger" : "primary"}
          type="submit"
          autoFocus={wish.mode === "new"}
          disabled={!able}
          busy={begin.isPending}
        >
          {wish.mode === "in_place" ? t("restore:replace") : t("restore:begin")}
        </Button>
      </Foot>
    </form>
  );
}

function Planned({ outlook, snapshot, wish }: { outlook: OutlookOut; snapshot: SnapshotOut; wish: Wish }) {
  const { t } = useTranslation();
  const dash = "–";
  const inside = [
    snapshot.tables !== null && t("restore:tables", { count: snapshot.tables }),
    snapshot.rows !== null && t("snapshots:rowCount", { count: snapshot.rows, shown: count(snapshot.rows) }),
  ];
  return (
    <div className="grid gap-4">
      <h2 className="text-balance font-semibold text-base">
        {t(wish.mode === "new" ? "restore:willMake" : "restore:willReplace", {
          name: outlook.target,
          place: outlook.environment,
        })}
      </h2>
      <Facts
        facts={[
          [
            t("restore:step.what"),
            wish.tables.length > 0 ? t("restore:picked", { count: wish.tables.length }) : t("restore:all"),
          ],
          [t("restore:holds"), inside.filter(Boolean).join(" · ") || dash],
          [t("snapshots:size"), outlook.bytes === null ? dash : bytes(outlook.bytes)],
          [
            t("restore:takes"),
            outlook.seconds === null ? t("restore:unknown") : t("restore:about", { time: lasted(outlook.seconds) }),
          ],
        ]}
      />
      {wish.tables.length > 0 && (
        <ul className="flex flex-wrap gap-1.5" aria-label={t("restore:some")}>
          {wish.tables.map((label) => (
            <li key={label} className="max-w-full truncate rounded-sm bg-hover px-1.5 text-xs leading-5">
              {label}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

interface BlockerProps {
  of: Record<string, unknown>;
  snapshot: SnapshotOut;
  go: Set_;
}

/** Why the server would refuse it now, and the way to what helps. */
function Blocker({ of, snapshot, go }: BlockerProps) {
  const { t } = useTranslation();
  const remedy = remedyOf(String(of.code));
  const hint = t(`restore:blocked.${of.code}`, { defaultValue: String(of.hint ?? "") });
  return (
    <div role="alert" className="flex gap-2.5 rounded-md bg-bad-soft px-3 py-2 text-bad">
      <CircleX className="mt-0.5 size-3.5 shrink-0" aria-hidden />
      <div className="grid flex-1 gap-1">
        <p className="font-medium">{sentence(String(of.message ?? of.code))}</p>
        {hint && <p className="text-text/80 text-xs">{hint}</p>}
        <div className="flex flex-wrap gap-2 pt-1 empty:hidden">
          {remedy === "where" && (
            <Button size="small" onClick={() => go({ step: "where" })}>
              {t("restore:elsewhere")}
            </Button>
          )}
          {remedy === "environment" && (
            <Button size="small" onClick={() => go({ step: "where", mode: undefined })}>
              {t("restore:elsewhere")}
            </Button>
          )}
          {remedy === "override" && (
            <Button size="small" asChild>
              <A to={`/snapshots/${snapshot.id}`}>{t("restore:verifyFirst")}</A>
            </Button>
          )}
        </div>
      </div>
    </div>
  );
}

function Tick({ checked, onChange, children }: TickProps) {
  return (
    <label className="flex items-start gap-2.5">
      <input
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-accent"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>{children}</span>
    </label>
  );
}
interface TickProps {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}

function Waiting() {
  return (
    <div className="grid gap-3">
      <Skeleton className="h-5 w-72" />
      <Skeleton className="h-10" />
      <Skeleton className="h-16" />
    </div>
  );
}

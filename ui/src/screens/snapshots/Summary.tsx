import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type SnapshotOut, verificationList } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { Badge, CopyButton, Size, Time } from "@/parts/small";
import { count, lasted } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useEngines } from "../databases/engines";
import { TagEditor } from "./TagEditor";

export function Summary({ of }: { of: SnapshotOut }) {
  const { t } = useTranslation();
  const { data: engines } = useEngines();
  const engine = engines?.find(({ name }) => name === of.engine)?.title ?? of.engine;
  const dash = <span className="text-faint">–</span>;
  return (
    <>
      {of.error && (
        <Section title={t("snapshots:failed")}>
          <p className="text-bad">{String(of.error.message ?? "")}</p>
          {of.error.hint ? <p className="text-muted">{String(of.error.hint)}</p> : null}
        </Section>
      )}
      <Section title={t("snapshots:facts")}>
        <Facts
          facts={[
            [
              t("snapshots:database"),
              <A key="db" to={`/databases/${of.resource_id}`} className="text-accent-text hover:underline">
                {of.resource_name}
              </A>,
            ],
            [t("databases:engine"), `${engine} ${String(of.summary.engine_version ?? "")}`],
            [t("snapshots:taken"), <Time key="at" at={of.taken_at} />],
            [t("snapshots:trigger"), t(`snapshots:triggers.${of.trigger}`, { defaultValue: of.trigger })],
            [t("snapshots:size"), <Size key="size" of={of.source_bytes} />],
            [t("snapshots:stored"), <Size key="stored" of={of.stored_bytes} />],
            [t("snapshots:took"), of.seconds === null ? dash : lasted(of.seconds)],
            [t("snapshots:tables"), of.tables === null ? dash : count(of.tables)],
            [t("snapshots:rows"), of.rows === null ? dash : count(of.rows)],
            [t("snapshots:type"), of.type ? t(`snapshots:types.${of.type}`, { defaultValue: of.type }) : dash],
            [
              t("snapshots:keptUntil"),
              of.hold ? (
                t("snapshots:held")
              ) : of.forget_due ? (
                <Time key="due" at={of.forget_due} />
              ) : (
                t("snapshots:byPolicy")
              ),
            ],
            [
              t("snapshots:restic"),
              of.restic_id ? (
                <span key="id" className="inline-flex items-center gap-1 font-mono">
                  {of.restic_id.slice(0, 8)}
                  <CopyButton inline text={of.restic_id} label={t("shell:copy")} />
                </span>
              ) : (
                dash
              ),
            ],
          ]}
        />
      </Section>
      <Section title={t("snapshots:tags")}>
        <TagEditor snapshot={of} />
      </Section>
      <Proofs id={of.id} />
    </>
  );
}

function Proofs({ id }: { id: string }) {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", id, "verifications"],
    queryFn: () => data(verificationList({ path: { snapshot_id: id } })),
  });
  return (
    <Section title={t("snapshots:verifications")}>
      {error && <ErrorPanel error={error} retry={() => void refetch()} />}
      {found?.items.length === 0 && <p className="text-muted">{t("snapshots:noProofs")}</p>}
      <ul>
        {found?.items.map((each) => (
          <li key={each.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t py-2 first:border-t-0">
            <Badge tone={each.ok ? "good" : each.ok === null ? "info" : "bad"}>
              {t(
                each.ok
                  ? "snapshots:proofs.verified"
                  : each.ok === null
                    ? "snapshots:proofs.pending"
                    : "snapshots:proofs.failed",
              )}
            </Badge>
            <span>{t("snapshots:level", { level: each.level, method: each.method })}</span>
            <span className="flex-1" />
            <span className="text-muted text-xs">
              {lasted(each.seconds)} · <Time at={each.at} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

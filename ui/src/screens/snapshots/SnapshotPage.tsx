import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { snapshotGet } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead, PageTabs } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { useId } from "@/shell/address";
import { data } from "@/shell/api";
import { Compare } from "./Compare";
import { Entries } from "./Entries";
import { Tables } from "./SampleRows";
import { Summary } from "./Summary";
import { Verbs } from "./Verbs";
import { Held, SnapshotProof } from "./words";

export default function SnapshotPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: snapshot,
    error,
    refetch,
  } = useQuery({
    queryKey: ["snapshots", id],
    queryFn: () => data(snapshotGet({ path: { snapshot_id: id } })),
  });
  if (error && !snapshot) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={snapshot?.resource_name ?? "…"}
        back={{ to: "/snapshots", title: t("snapshots:title") }}
        state={
          snapshot && (
            <>
              <SnapshotProof of={snapshot} />
              {snapshot.hold && <Held />}
            </>
          )
        }
        lead={
          snapshot ? (
            <>
              <Time at={snapshot.taken_at ?? snapshot.created_at} />
              <span className="inline-flex items-center font-mono">{snapshot.id}</span>
            </>
          ) : (
            "\u00a0"
          )
        }
      >
        {snapshot && <Verbs snapshot={snapshot} />}
      </PageHead>
      <PageTabs
        label={t("snapshots:one")}
        tabs={[
          { id: "overview", title: t("snapshots:overview"), body: snapshot ? <Summary of={snapshot} /> : <Waiting /> },
          ...(snapshot?.state === "ready" || !snapshot
            ? [
                {
                  id: "tables",
                  title: t("snapshots:tables"),
                  body: snapshot ? <Tables snapshot={snapshot} /> : <Waiting />,
                  full: true,
                },
                { id: "entries", title: t("snapshots:entries"), body: <Entries id={id} />, full: true },
                {
                  id: "compare",
                  title: t("snapshots:compare"),
                  body: snapshot ? <Compare snapshot={snapshot} /> : <Waiting />,
                  full: true,
                },
              ]
            : []),
        ]}
      />
    </div>
  );
}

function Waiting() {
  return (
    <div className="grid gap-3 p-6">
      <Skeleton className="h-4 w-64" />
      <Skeleton className="h-4 w-96 max-w-full" />
      <Skeleton className="h-4 w-80 max-w-full" />
    </div>
  );
}

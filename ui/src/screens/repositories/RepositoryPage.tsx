import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type RepositoryOut, repositoryGet } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, PageHead, PageTabs, Section } from "@/parts/Page";
import { Badge, CopyButton, Size, Skeleton, Time } from "@/parts/small";
import { useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { Checks } from "./Checks";
import { Contents } from "./Contents";
import { Findings } from "./Findings";
import { checkedAt } from "./Repositories";
import { RepositorySavings } from "./RepositorySavings";
import { whereOf } from "./stores";
import { Verbs } from "./Verbs";
import { RepositoryState } from "./words";

export default function RepositoryPage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: repository,
    error,
    refetch,
  } = useQuery({
    queryKey: ["repositories", id],
    queryFn: () => data(repositoryGet({ path: { repository_id: id } })),
  });
  if (error && !repository) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={repository?.name ?? "…"}
        back={{ to: "/repositories", title: t("repositories:title") }}
        state={
          repository && (
            <>
              <RepositoryState of={repository} />
              {repository.is_default && <Badge>{t("repositories:default")}</Badge>}
            </>
          )
        }
        lead={repository && t(`repositories:kinds.${repository.kind}`, { defaultValue: repository.kind })}
      >
        {repository && <Verbs repository={repository} />}
      </PageHead>
      <PageTabs
        label={t("repositories:one")}
        tabs={[
          {
            id: "overview",
            title: t("repositories:overview"),
            body: repository ? <Summary of={repository} /> : <Skeleton className="m-6 h-24" />,
          },
          { id: "checks", title: t("repositories:checks"), body: <Checks id={id} />, full: true },
          { id: "contents", title: t("repositories:contents"), body: <Contents id={id} />, full: true },
          {
            id: "savings",
            title: t("savings:title"),
            body: repository ? <RepositorySavings repository={repository} /> : <Skeleton className="m-6 h-24" />,
          },
        ]}
      />
    </div>
  );
}

function Summary({ of }: { of: RepositoryOut }) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const check = of.last_check;
  return (
    <>
      {of.trouble && (
        <Section title={t("repositories:trouble")}>
          <p className="text-bad">{String(of.trouble.message ?? "")}</p>
          {of.trouble.hint ? <p className="text-muted">{String(of.trouble.hint)}</p> : null}
        </Section>
      )}
      <Findings of={of} />
      <Section title={t("repositories:about")}>
        <Facts
          facts={[
            [
              t("repositories:where"),
              <span key="where" className="inline-flex max-w-full items-center gap-1 font-mono text-xs">
                <span className="break-all">{whereOf(of)}</span>
                <CopyButton inline text={whereOf(of)} label={t("shell:copy")} />
              </span>,
              "wide",
            ],
            [t("repositories:size"), <Size key="size" of={of.bytes} />],
            [t("repositories:format"), t(`repositories:formats.${of.format}`, { defaultValue: of.format })],
            [
              t("shell:environment"),
              environments.find(({ id }) => id === of.environment_id)?.name ?? t("shell:allEnvironments"),
            ],
            [t("repositories:lastCheck"), <Time key="check" at={checkedAt(of)} />],
            [
              t("repositories:lastResult"),
              check ? (check.ok ? t("repositories:sound") : t("repositories:damaged")) : "–",
            ],
            [
              t("repositories:resticId"),
              of.restic_id ? (
                <code key="id" className="font-mono text-xs">
                  {of.restic_id.slice(0, 8)}
                </code>
              ) : (
                "–"
              ),
            ],
            ...(of.files
              ? [
                  [t("repositories:packing"), of.files.compression] as const,
                  [
                    t("repositories:encryption"),
                    of.files.encryption === "none" ? t("repositories:noEncryption") : of.files.encryption,
                  ] as const,
                  [t("repositories:fileKey"), of.files.key?.name ?? t("repositories:ownKey")] as const,
                ]
              : []),
            [t("repositories:created"), <Time key="at" at={of.created_at} />],
          ]}
        />
      </Section>
    </>
  );
}

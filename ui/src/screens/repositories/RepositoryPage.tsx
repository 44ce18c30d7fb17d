import { useMutation, useQuery } from "@tanstack/react-query";
import { BadgeCheck, Ellipsis, KeyRound, Plug, Ruler, Star, Trash2, Unplug } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type RepositoryOut,
  repositoryCheck,
  repositoryDefault,
  repositoryGc,
  repositoryGet,
  repositoryRemove,
  repositoryTest,
  repositoryUsage,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Line, Menu } from "@/parts/Menu";
import { Facts, PageHead, PageTabs, Section } from "@/parts/Page";
import { Badge, CopyButton, Size, Skeleton, Time } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Checks } from "./Checks";
import { Contents } from "./Contents";
import { checkedAt } from "./Repositories";
import { RevealKey } from "./RevealKey";
import { whereOf } from "./stores";
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
        ]}
      />
    </div>
  );
}

function Verbs({ repository }: { repository: RepositoryOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [asked, setAsked] = useState<"detach" | "delete" | "gc" | "key" | null>(null);
  const path = { repository_id: repository.id };
  // Until the first snapshot has made it there is nothing to check, to count or to give back.
  const canCheck = can("repository.check") && repository.state !== "new";
  const canGc = can("repository.gc") && repository.state !== "new";
  const begun = useBegun();
  const check = useMutation({
    mutationFn: () => data(repositoryCheck({ path, body: {} })),
    onSuccess: begun,
  });
  const usage = useMutation({
    mutationFn: () => data(repositoryUsage({ path })),
    onSuccess: begun,
  });
  const answered = (now: RepositoryOut) => {
    queries.setQueryData(["repositories", now.id], now);
    void queries.invalidateQueries({ queryKey: ["repositories"] });
  };
  const makeDefault = useMutation({ mutationFn: () => data(repositoryDefault({ path })), onSuccess: answered });
  const test = useMutation({
    mutationFn: () => data(repositoryTest({ path })),
    onSuccess: (now) => {
      answered(now);
      toast.good(t("repositories:tested"));
    },
  });
  const close = (open: boolean) => !open && setAsked(null);
  const gone = async () => {
    await queries.invalidateQueries({ queryKey: ["repositories"] });
    go("/repositories");
  };
  return (
    <>
      {canCheck && (
        <Button icon={<BadgeCheck />} busy={check.isPending} onClick={() => check.mutate()}>
          {t("repositories:check")}
        </Button>
      )}
      {can("repository.key.reveal") && (
        <Button icon={<KeyRound />} onClick={() => setAsked("key")}>
          {t("repositories:key")}
        </Button>
      )}
      <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
        {canCheck && (
          <Item icon={<Ruler />} onSelect={() => usage.mutate()}>
            {t("repositories:usage")}
          </Item>
        )}
        {can("repository.check") && repository.kind !== "local" && (
          <Item icon={<Plug />} onSelect={() => test.mutate()}>
            {t("repositories:test")}
          </Item>
        )}
        {can("repository.update") && !repository.is_default && (
          <Item icon={<Star />} onSelect={() => makeDefault.mutate()}>
            {t("repositories:makeDefault")}
          </Item>
        )}
        {canGc && (
          <Item icon={<Trash2 />} onSelect={() => setAsked("gc")}>
            {t("repositories:gc")}
          </Item>
        )}
        {can("repository.delete") && <Line />}
        {can("repository.delete") && (
          <Item icon={<Unplug />} onSelect={() => setAsked("detach")}>
            {t("repositories:detach")}
          </Item>
        )}
        {can("repository.delete") && (
          <Item icon={<Trash2 />} danger onSelect={() => setAsked("delete")}>
            {t("repositories:delete")}
          </Item>
        )}
      </Menu>
      {asked === "key" && <RevealKey repository={repository} onClose={() => setAsked(null)} />}
      <Confirm
        open={asked === "gc"}
        onOpenChange={close}
        title={t("repositories:gcTitle")}
        lead={t("repositories:gcLead")}
        verb={t("repositories:gc")}
        act={async () => begun(await data(repositoryGc({ path, body: {} })))}
      />
      {(["detach", "delete"] as const).map((how) => (
        <Confirm
          key={how}
          open={asked === how}
          onOpenChange={close}
          danger
          title={t(`repositories:${how}Title`, { name: repository.name })}
          lead={t(`repositories:${how}Lead`)}
          verb={t(`repositories:${how}`)}
          name={repository.name}
          act={async () => {
            await data(repositoryRemove({ path, body: { confirm: repository.name, files: how === "delete" } }));
            await gone();
          }}
        />
      ))}
    </>
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
      <Section title={t("repositories:about")}>
        <Facts
          facts={[
            [
              t("repositories:where"),
              <span key="where" className="inline-flex max-w-full items-center gap-1 font-mono text-xs">
                <span className="break-all">{whereOf(of)}</span>
                <CopyButton text={whereOf(of)} label={t("shell:copy")} />
              </span>,
            ],
            [t("repositories:size"), <Size key="size" of={of.bytes} />],
            [t("repositories:format"), of.format],
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
              "restic",
              of.restic_id ? (
                <code key="id" className="font-mono text-xs">
                  {of.restic_id.slice(0, 8)}
                </code>
              ) : (
                "–"
              ),
            ],
            [t("repositories:created"), <Time key="at" at={of.created_at} />],
          ]}
        />
      </Section>
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type UserOut, userRead, userReadFactors } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Facts, PageHead, PageTabs, Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan, useWho } from "@/shell/session";
import { Tokens } from "../../own/Tokens";
import { Grants } from "../roles/Grants";
import { PersonActivity } from "./PersonActivity";
import { PersonSessions } from "./PersonSessions";
import { PersonVerbs } from "./PersonVerbs";
import { nameOf, PersonState, stateOf } from "./words";

export default function PersonPage() {
  const { t } = useTranslation();
  const can = useCan();
  const who = useWho();
  const id = useId();
  const {
    data: user,
    error,
    refetch,
  } = useQuery({ queryKey: ["people", id], queryFn: () => data(userRead({ path: { user_id: id } })) });
  if (error && !user) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const tabs = [
    {
      id: "access",
      title: t("people:access"),
      body: user ? <Access user={user} /> : <Skeleton className="m-6 h-24" />,
    },
    {
      id: "sessions",
      title: t("people:sessions"),
      body: (
        <>
          <PersonSessions id={id} />
          <Tokens user={id} revocable={can("token.revoke") || id === who.id} />
        </>
      ),
    },
  ];
  if (can("audit.read"))
    tabs.push({ id: "activity", title: t("people:activity"), body: <PersonActivity id={id} />, full: true } as never);
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={user ? nameOf(user) : "…"}
        back={{ to: "/settings/people", title: t("people:title") }}
        state={
          user && (
            <>
              <PersonState state={stateOf(user)} />
              {user.id === who.id && <Badge>{t("people:you")}</Badge>}
            </>
          )
        }
        lead={user?.name ? user.email : undefined}
      >
        {user && !user.deleted_at && <PersonVerbs user={user} />}
      </PageHead>
      <PageTabs label={t("people:one")} tabs={tabs} />
    </div>
  );
}

function Access({ user }: { user: UserOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: held } = useQuery({
    queryKey: ["people", user.id, "factors"],
    queryFn: () => data(userReadFactors({ path: { user_id: user.id } })),
    enabled: user.deleted_at === null,
  });
  const factors = held && [
    held.totp && t("people:app"),
    held.passkeys > 0 && t("people:passkeys", { count: held.passkeys }),
  ];
  return (
    <>
      <Section title={t("people:access")}>
        <Facts
          facts={[
            [t("people:role"), <Badge key="role">{user.role}</Badge>],
            [t("people:factor"), factors ? factors.filter(Boolean).join(", ") || t("people:hasNot") : "…"],
            [t("people:seen"), <Time key="seen" at={user.last_seen_at} />],
            [t("people:made"), <Time key="made" at={user.created_at} />],
            ["ID", <code key="id">{user.id}</code>, "wide"],
          ]}
        />
      </Section>
      {can("role.read") && !user.deleted_at && <Grants user={user} />}
    </>
  );
}

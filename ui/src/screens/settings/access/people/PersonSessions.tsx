import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { userSessionList } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";

export function PersonSessions({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: found, error } = useQuery({
    queryKey: ["sessions", "of", id],
    queryFn: async () => (await data(userSessionList({ path: { user_id: id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} />;
  return (
    <Section title={t("people:sessions")}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="text-muted">{t("people:noSessions")}</p>}
      <ul>
        {found?.map((each) => (
          <li key={each.id} className="border-t py-2 first:border-t-0">
            <p className="truncate">{each.user_agent ?? t("settings:unknownBrowser")}</p>
            <p className="text-muted text-xs">
              {each.address ?? ""} · <Time at={each.seen_at} />
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

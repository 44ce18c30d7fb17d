import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { sessionList, sessionRevoke, sessionRevokeOthers } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { Tokens } from "./Tokens";

export default function Sessions() {
  const { t } = useTranslation();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["sessions"],
    queryFn: async () => (await data(sessionList({ query: { limit: 100 } }))).items,
  });
  const again = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const end = useMutation({
    mutationFn: (id: string) => data(sessionRevoke({ path: { session_id: id } })),
    onSuccess: again,
  });
  const others = useMutation({ mutationFn: () => data(sessionRevokeOthers()), onSuccess: again });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <>
      <Section
        title={t("settings:sessions")}
        aside={
          (found?.length ?? 0) > 1 && (
            <Button size="small" busy={others.isPending} onClick={() => others.mutate()}>
              {t("settings:endOthers")}
            </Button>
          )
        }
      >
        {!found && <Skeleton className="h-10" />}
        <ul>
          {found?.map((each) => (
            <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
              <div className="min-w-0 flex-1">
                <p className="truncate">{each.user_agent ?? t("settings:unknownBrowser")}</p>
                <p className="text-muted text-xs">
                  {each.address ?? ""} · <Time at={each.seen_at} />
                </p>
              </div>
              {each.current ? (
                <Badge tone="good">{t("settings:thisOne")}</Badge>
              ) : (
                <Button
                  size="small"
                  busy={end.isPending && end.variables === each.id}
                  onClick={() => end.mutate(each.id)}
                >
                  {t("settings:end")}
                </Button>
              )}
            </li>
          ))}
        </ul>
      </Section>
      <Tokens />
    </>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { tokenList, tokenRevoke } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { wholly } from "../access/shared/wholly";

/** Refresh tokens and all that came of them; ended ones are left out. Someone else's with `user`. */
export function Tokens({ user, revocable = true }: { user?: string; revocable?: boolean }) {
  const { t } = useTranslation();
  const { data: found, error } = useQuery({
    queryKey: ["tokens", user ?? "own"],
    queryFn: async ({ signal }) =>
      (
        await wholly(
          (cursor) => data(tokenList({ query: { limit: 200, cursor, ...(user && { user_id: user }) }, signal })),
          (each) => each.revoked_at === null && new Date(each.expires_at).getTime() > Date.now(),
        )
      ).items,
  });
  const end = useMutation({
    mutationFn: (id: string) => data(tokenRevoke({ path: { family_id: id } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["tokens"] }),
  });
  if (error) return <ErrorPanel error={error} />;
  return (
    <Section title={t("settings:tokens")}>
      <p className="text-muted text-xs">{t(found?.length === 0 ? "settings:noTokens" : "settings:tokensLead")}</p>
      <ul className="mt-1">
        {found?.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <div className="min-w-0 flex-1">
              <p className="truncate">{each.name || (each.user_agent ?? each.id)}</p>
              <p className="text-muted text-xs">
                {each.address ?? ""} · {t("settings:refreshed")} <Time at={each.refreshed_at} />
              </p>
            </div>
            {revocable && (
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
  );
}

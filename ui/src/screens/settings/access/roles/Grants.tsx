import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { grantList, type ShownGrantOut, type UserOut } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Badge, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { useWhere } from "../shared/Place";
import { GiveRole } from "./GiveRole";
import { TakeBack } from "./TakeBack";

/** The roles one person holds in places, given and taken back. */
export function Grants({ user }: { user: UserOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const where = useWhere();
  const [giving, setGiving] = useState(false);
  const [taking, setTaking] = useState<ShownGrantOut | null>(null);
  const { data: found, error } = useQuery({
    queryKey: ["grants", "of", user.id],
    queryFn: async () => (await data(grantList({ query: { user_id: user.id, limit: 200 } }))).items,
  });
  return (
    <Section
      title={t("people:inPlaces")}
      aside={
        can("role.grant") && (
          <Button icon={<Plus />} onClick={() => setGiving(true)}>
            {t("roles:give")}
          </Button>
        )
      }
    >
      {error && <ErrorPanel error={error} />}
      {!found && !error && <Skeleton className="h-10" />}
      {found?.length === 0 && <p className="text-muted">{t("roles:noGrants")}</p>}
      <ul>
        {found?.map((each) => (
          <li key={each.id} className="flex items-center gap-3 border-t py-2 first:border-t-0">
            <span className="w-24 shrink-0">
              <Badge>{each.role}</Badge>
            </span>
            <span className="min-w-0 flex-1 truncate">{where(each)}</span>
            <span className="hidden text-muted text-xs sm:inline">
              <Time at={each.created_at} />
            </span>
            {can("role.grant") && (
              <Button size="small" onClick={() => setTaking(each)}>
                {t("roles:take")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {giving && <GiveRole user={user} onClose={() => setGiving(false)} />}
      {taking && <TakeBack grants={[taking]} onClose={() => setTaking(null)} />}
    </Section>
  );
}

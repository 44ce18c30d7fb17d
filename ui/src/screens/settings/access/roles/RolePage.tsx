import { useQuery } from "@tanstack/react-query";
import { CopyPlus, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { grantList, type RoleOut, roleRead } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { PageHead, Section } from "@/parts/Page";
import { Badge, Skeleton } from "@/parts/small";
import { A, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { useWhere } from "../shared/Place";
import { byNoun, permissions } from "../shared/roles";
import { DeleteRole } from "./DeleteRole";
import { RoleForm } from "./RoleForm";

export default function RolePage() {
  const { t } = useTranslation();
  const id = useId();
  const {
    data: role,
    error,
    refetch,
  } = useQuery({ queryKey: ["roles", id], queryFn: () => data(roleRead({ path: { role_id: id } })) });
  if (error && !role) return <ErrorPanel error={error} retry={() => void refetch()} />;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={role?.name ?? "…"}
        back={{ to: "/settings/roles", title: t("roles:title") }}
        state={role && <Badge>{t(role.built_in ? "roles:builtIn" : "roles:own")}</Badge>}
        lead={role?.description}
      >
        {role && <Verbs role={role} />}
      </PageHead>
      <div className="min-h-0 flex-1 overflow-y-auto border-t">
        {role ? (
          <>
            <UsedBy role={role} />
            <Allows role={role} />
          </>
        ) : (
          <Skeleton className="m-6 h-24" />
        )}
      </div>
    </div>
  );
}

function Verbs({ role }: { role: RoleOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [doing, setDoing] = useState<"edit" | "like" | "delete" | null>(null);
  const end = () => setDoing(null);
  if (!can("role.manage")) return null;
  return (
    <>
      <Button icon={<CopyPlus />} onClick={() => setDoing("like")}>
        {t("roles:like")}
      </Button>
      {!role.built_in && (
        <>
          <Button icon={<Pencil />} onClick={() => setDoing("edit")}>
            {t("roles:edit")}
          </Button>
          <Button icon={<Trash2 />} onClick={() => setDoing("delete")}>
            {t("roles:delete")}
          </Button>
        </>
      )}
      {doing === "edit" && <RoleForm role={role} onClose={end} />}
      {doing === "like" && <RoleForm like={role} onClose={end} />}
      {doing === "delete" && <DeleteRole role={role} onClose={end} />}
    </>
  );
}

function UsedBy({ role }: { role: RoleOut }) {
  const { t } = useTranslation();
  const where = useWhere();
  const { data: found, error } = useQuery({
    queryKey: ["grants", "role", role.name],
    queryFn: () => data(grantList({ query: { role: role.name, limit: 100 } })),
  });
  return (
    <Section title={t("roles:usedBy")}>
      {error && <ErrorPanel error={error} />}
      {found?.items.length === 0 && <p className="text-muted">{t("roles:notUsed")}</p>}
      <ul className="max-w-xl">
        {found?.items.map((each) => (
          <li key={each.id} className="flex gap-3 border-t py-1.5 first:border-t-0">
            <A to={`/settings/people/${each.user_id}`} className="min-w-0 flex-1 truncate hover:underline">
              {each.name || each.email}
            </A>
            <span className="min-w-0 truncate text-muted">{where(each)}</span>
          </li>
        ))}
      </ul>
      {found?.next_cursor && (
        <A to="/settings/roles" search={{ tab: "who", role: role.name }} className="text-accent-text text-xs">
          {t("shell:more")}
        </A>
      )}
    </Section>
  );
}

function Allows({ role }: { role: RoleOut }) {
  const { t } = useTranslation();
  const { data: known } = useQuery(permissions);
  return (
    <Section title={t("account:permissions", { count: role.permissions.length })}>
      <dl className="grid gap-x-8 gap-y-3 lg:grid-cols-2">
        {byNoun(role.permissions).map(([noun, names]) => (
          <div key={noun}>
            <dt className="font-medium text-xs">{noun}</dt>
            {names.map((name) => (
              <dd key={name} className="text-sm">
                {name} <span className="text-muted text-xs">{known?.permissions[name]}</span>
              </dd>
            ))}
          </div>
        ))}
      </dl>
    </Section>
  );
}

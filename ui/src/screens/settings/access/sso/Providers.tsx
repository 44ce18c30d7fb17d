import { CircleCheck, LogIn, Pause } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { type ProviderOut, ssoProviderList } from "@/api";
import { Badge, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { ProviderForm } from "./ProviderForm";

export function Providers() {
  const { t } = useTranslation();
  const can = useCan();
  const { creating, end, add } = useCreating("sso.new", t("sso:new"), can("sso.manage"));
  const columns = useMemo<Column<ProviderOut>[]>(
    () => [
      { id: "name", title: t("sso:name"), value: (row) => row.name, width: "minmax(140px, 1fr)", card: "title" },
      { id: "issuer", title: t("sso:issuer"), value: (row) => row.issuer, width: "minmax(200px, 2fr)", card: "line" },
      {
        id: "state",
        title: t("sso:state"),
        value: (row) => t(row.enabled ? "sso:on" : "sso:off"),
        cell: (row) => <ProviderState enabled={row.enabled} />,
        width: "100px",
        card: "side",
      },
      {
        id: "changed",
        title: t("sso:changed"),
        value: (row) => row.updated_at,
        cell: (row) => <Time at={row.updated_at} />,
        width: "120px",
      },
    ],
    [t],
  );
  const source = useMemo<Source<ProviderOut>>(
    () => ({
      key: ["sso", "providers"],
      page: ({ limit, cursor, signal }) => data(ssoProviderList({ query: { limit, cursor }, signal })),
    }),
    [],
  );
  return (
    <>
      <DataTable
        id="providers"
        label={t("sso:providers")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        to={(row) => `/settings/sign-in/${row.id}`}
        empty={{ icon: <LogIn />, title: t("sso:first"), lead: t("sso:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <ProviderForm onClose={end} />}
    </>
  );
}

export function ProviderState({ enabled }: { enabled: boolean }) {
  const { t } = useTranslation();
  return (
    <Badge tone={enabled ? "good" : "plain"} icon={enabled ? <CircleCheck /> : <Pause />}>
      {t(enabled ? "sso:on" : "sso:off")}
    </Badge>
  );
}

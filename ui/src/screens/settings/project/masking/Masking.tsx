import { EyeOff } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type MaskingProfileOut, maskingProfileList } from "@/api";
import { Skeleton, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { useEngines } from "@/screens/databases/engines";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { ProfileForm } from "./ProfileForm";

/** How copies out of production are masked before anybody reaches them. */
export default function Masking() {
  const { t } = useTranslation();
  const can = useCan();
  const { project } = useScope();
  const { data: engines } = useEngines();
  const { creating, end, add } = useCreating("masking.new", t("masking:new"), can("masking.write") && project !== null);
  const [opened, setOpened] = useState<MaskingProfileOut | null>(null);
  const columns = useMemo<Column<MaskingProfileOut>[]>(
    () => [
      { id: "name", title: t("masking:name"), value: (row) => row.name, width: "minmax(160px, 1.5fr)", card: "title" },
      {
        id: "engine",
        title: t("masking:engine"),
        value: (row) => engines?.find(({ name }) => name === row.engine)?.title ?? row.engine,
        width: "130px",
        card: "side",
      },
      {
        id: "statements",
        title: t("masking:statements"),
        value: (row) => row.statements.length,
        numeric: true,
        width: "110px",
      },
      {
        id: "description",
        title: t("projects:description"),
        value: (row) => row.description,
        width: "minmax(160px, 2fr)",
        card: "line",
      },
      {
        id: "changed",
        title: t("secrets:changed"),
        value: (row) => row.updated_at,
        cell: (row) => <Time at={row.updated_at} />,
        width: "130px",
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, engines],
  );
  const source = useMemo<Source<MaskingProfileOut>>(
    () => ({
      key: ["maskings", project?.id],
      waits: !project,
      page: ({ limit, cursor, signal }) =>
        data(maskingProfileList({ path: { project_id: project?.id ?? "" }, query: { limit, cursor }, signal })),
    }),
    [project],
  );
  if (!project) return <Skeleton className="m-6 h-24" />;
  return (
    <>
      <DataTable
        id="masking"
        label={t("masking:title")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        onOpen={setOpened}
        empty={{ icon: <EyeOff />, title: t("masking:first"), lead: t("masking:firstLead"), action: add }}
      >
        {add}
      </DataTable>
      {creating && <ProfileForm project={project} onClose={end} />}
      {opened && <ProfileForm project={project} profile={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

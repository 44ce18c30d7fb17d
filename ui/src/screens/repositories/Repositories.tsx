import { FolderInput, Warehouse } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type RepositoryOut, repositoryList } from "@/api";
import { Button } from "@/parts/Button";
import { PageTabs } from "@/parts/Page";
import { Badge, Size, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { AdoptRepository } from "./AdoptRepository";
import { AllSavings } from "./AllSavings";
import { CreateRepository } from "./CreateRepository";
import { whereOf } from "./stores";
import { RepositoryState } from "./words";

/** The repositories, and what all of them spare. */
export default function Repositories() {
  const { t } = useTranslation();
  return (
    <div className="flex h-full flex-col">
      <PageTabs
        label={t("repositories:title")}
        tabs={[
          { id: "list", title: t("repositories:title"), body: <List />, full: true },
          { id: "savings", title: t("savings:title"), body: <AllSavings />, full: true },
        ]}
      />
    </div>
  );
}

function List() {
  const { t } = useTranslation();
  const can = useCan();
  const [adopting, setAdopting] = useState(false);
  const { filter, project, environments } = useScope();
  const { creating, end, add } = useCreating(
    "repo.new",
    t("repositories:new"),
    can("repository.create") && project !== null,
  );

  const adopt = can("repository.create") && project !== null && (
    <Button icon={<FolderInput />} onClick={() => setAdopting(true)}>
      {t("repositories:adopt")}
    </Button>
  );

  const columns = useMemo<Column<RepositoryOut>[]>(
    () => [
      {
        id: "name",
        title: t("repositories:name"),
        value: (row) => row.name,
        cell: (row) => (
          <span className="flex min-w-0 items-center gap-2">
            <span className="truncate">{row.name}</span>
            {row.is_default && <Badge>{t("repositories:default")}</Badge>}
          </span>
        ),
        width: "minmax(160px, 1.4fr)",
        card: "title",
      },
      {
        id: "state",
        title: t("repositories:state"),
        value: (row) => row.state,
        cell: (row) => <RepositoryState of={row} />,
        width: "minmax(110px, 0.7fr)",
        card: "side",
      },
      {
        id: "kind",
        title: t("repositories:kind"),
        value: (row) => t(`repositories:kinds.${row.kind}`, { defaultValue: row.kind }),
        width: "minmax(150px, 0.8fr)",
        card: "line",
      },
      { id: "where", title: t("repositories:where"), value: whereOf, width: "minmax(160px, 2fr)" },
      {
        id: "bytes",
        title: t("repositories:size"),
        value: (row) => row.bytes,
        cell: (row) => <Size of={row.bytes} />,
        numeric: true,
        width: "110px",
        card: "line",
      },
      {
        id: "check",
        title: t("repositories:lastCheck"),
        value: (row) => checkedAt(row),
        cell: (row) => <Time at={checkedAt(row)} />,
        width: "140px",
        card: "line",
      },
      {
        id: "environment",
        title: t("shell:environment"),
        value: (row) => environments.find(({ id }) => id === row.environment_id)?.name ?? t("shell:allEnvironments"),
        spare: true,
      },
      { id: "format", title: t("repositories:format"), value: (row) => row.format, spare: true },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t, environments],
  );
  const source = useMemo<Source<RepositoryOut>>(
    () => ({
      key: ["repositories", "list", filter.project_id],
      page: ({ limit, cursor, signal }) =>
        data(
          repositoryList({
            query: { limit, cursor, ...(filter.project_id && { project_id: filter.project_id }) },
            signal,
          }),
        ),
    }),
    [filter],
  );
  return (
    <>
      <DataTable
        id="repositories"
        label={t("repositories:title")}
        source={source}
        columns={columns}
        rowId={(row) => row.id}
        to={(row) => `/repositories/${row.id}`}
        empty={{
          icon: <Warehouse />,
          title: t("repositories:first"),
          lead: t("repositories:firstLead"),
          action: (
            <>
              {add}
              {adopt}
            </>
          ),
        }}
      >
        {adopt}
        {add}
      </DataTable>
      {adopting && <AdoptRepository onClose={() => setAdopting(false)} />}
      {creating && <CreateRepository onClose={end} />}
    </>
  );
}

export function checkedAt(row: RepositoryOut): string | null {
  const at = row.last_check?.at;
  return typeof at === "string" ? at : null;
}

import { KeyRound, RefreshCw } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type EnvironmentOut,
  type HoldfastFeaturesSecretsApiSecretOut as SecretOut,
  secretList,
  secretRotate,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Select } from "@/parts/Field";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { DataTable } from "@/parts/table/DataTable";
import type { Column, Filter, Source } from "@/parts/table/types";
import { useCreating } from "@/parts/useCreating";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { SecretForm } from "./SecretForm";
import { SecretSheet } from "./SecretSheet";

export type Secret = SecretOut;

/** Of one environment: names and versions. A value is only ever shown in the sheet of its secret, when it is asked for. */
export default function Secrets() {
  const { t } = useTranslation();
  const { environment, environments, isLoading } = useScope();
  const here = environment ?? environments[0];
  if (isLoading) return <Skeleton className="m-6 h-24" />;
  if (!here) return <Empty icon={<KeyRound />} title={t("secrets:noEnvironment")} />;
  return <OfEnvironment key={here.id} here={here} />;
}

function OfEnvironment({ here }: { here: EnvironmentOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { creating, end, add } = useCreating("secret.new", t("secrets:new"), can("secret.write"));
  const [opened, setOpened] = useState<Secret | null>(null);
  const { columns, filters, source } = useTable(here.id);
  return (
    <>
      <DataTable
        id="secrets"
        label={t("secrets:title")}
        source={source}
        columns={columns}
        filters={filters}
        rowId={(row) => row.id}
        onOpen={setOpened}
        empty={{
          icon: <KeyRound />,
          title: t("secrets:first", { environment: here.name }),
          lead: t("secrets:firstLead"),
          action: (
            <>
              <Places here={here} />
              {add}
            </>
          ),
        }}
      >
        <Places here={here} />
        {can("secret.rotate") && <Rotate here={here} />}
        {add}
      </DataTable>
      {creating && <SecretForm environment={here} onClose={end} />}
      {opened && <SecretSheet environment={here} secret={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

function useTable(environment: string) {
  const { t } = useTranslation();
  const columns = useMemo<Column<Secret>[]>(
    () => [
      {
        id: "name",
        title: t("secrets:name"),
        value: (row) => row.name,
        cell: (row) => <span className="font-mono text-xs">{row.name}</span>,
        width: "minmax(180px, 2fr)",
        card: "title",
      },
      {
        id: "version",
        title: t("secrets:version"),
        value: (row) => row.version,
        cell: (row) =>
          row.deleted_at ? (
            <Badge tone="warn">{t("secrets:deletedState")}</Badge>
          ) : (
            t("secrets:nth", { n: row.version })
          ),
        width: "110px",
        card: "side",
      },
      {
        id: "changed",
        title: t("secrets:changed"),
        value: (row) => row.updated_at,
        cell: (row) => <Time at={row.updated_at} />,
        width: "140px",
        card: "line",
      },
      { id: "by", title: t("secrets:by"), value: (row) => row.updated_by, width: "minmax(120px, 1fr)", spare: true },
      {
        id: "for",
        title: t("secrets:for"),
        value: (row) => row.resource_id ?? t("secrets:everything"),
        width: "minmax(120px, 1fr)",
      },
      { id: "id", title: "ID", value: (row) => row.id, width: "260px", spare: true },
    ],
    [t],
  );
  const filters = useMemo<Filter[]>(
    () => [
      {
        id: "deleted",
        title: t("secrets:which"),
        options: [{ value: "true", label: t("secrets:deletedOnes") }],
      },
    ],
    [t],
  );
  const source = useMemo<Source<Secret>>(
    () => ({
      key: ["secrets", environment, "list"],
      page: ({ filters, limit, cursor, signal }) =>
        data(
          secretList({
            path: { environment_id: environment },
            query: { limit, cursor, ...(filters.deleted && { deleted: true }) },
            signal,
          }),
        ),
    }),
    [environment],
  );
  return { columns, filters, source };
}

/** Secrets are of one environment: which one is chosen here as well as on top. */
function Places({ here }: { here: EnvironmentOut }) {
  const { t } = useTranslation();
  const { environments, project, choose } = useScope();
  return (
    <div className="w-40">
      <Select
        aria-label={t("shell:environment")}
        value={here.name}
        onChange={(event) => choose(project?.name ?? null, event.target.value)}
      >
        {environments.map(({ id, name }) => (
          <option key={id} value={name}>
            {name}
          </option>
        ))}
      </Select>
    </div>
  );
}

function Rotate({ here }: { here: EnvironmentOut }) {
  const { t } = useTranslation();
  const [asks, setAsks] = useState(false);
  return (
    <>
      <Button icon={<RefreshCw />} onClick={() => setAsks(true)}>
        {t("secrets:rotate")}
      </Button>
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("secrets:rotateTitle", { name: here.name })}
        lead={t("secrets:rotateLead")}
        verb={t("secrets:rotate")}
        act={async () => {
          const done = await data(secretRotate({ path: { environment_id: here.id } }));
          toast.good(t("secrets:rotated", { count: done.resealed }));
        }}
      />
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Archive, Ellipsis, Gauge, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { kvNamespaceDelete, kvNamespaceGet, type NamespaceOut } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Item, Menu } from "@/parts/Menu";
import { PageHead } from "@/parts/Page";
import { Empty } from "@/parts/small";
import { A, useGo, useId } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { useCan } from "@/shell/session";
import { DatabaseState } from "../databases/words";
import { Bound } from "../workers/Bound";
import { Keys } from "./Keys";
import { LimitsDialog, Used } from "./Limits";

export default function NamespacePage() {
  const { t } = useTranslation();
  const id = useId();
  const { environments } = useScope();
  const { data: namespace, error } = useQuery({
    queryKey: ["kv_namespaces", id],
    queryFn: () => data(kvNamespaceGet({ path: { kv_namespace_id: id } })),
  });
  if (error && !namespace) return <ErrorPanel error={error} />;
  const place = environments.find((each) => each.id === namespace?.environment_id)?.name;
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title={namespace?.name ?? "…"}
        back={{ to: "/kv", title: t("kv:title") }}
        state={namespace && <DatabaseState state={namespace.state} />}
        lead={
          <>
            <span>{place ?? "\u00a0"}</span>
            {namespace?.state === "ready" && <Used namespace={namespace.id} />}
          </>
        }
      >
        {namespace && <Verbs namespace={namespace} />}
      </PageHead>
      <div className="min-h-0 flex-1 border-t">
        {namespace?.state === "ready" && <Keys namespace={namespace} />}
        {namespace && namespace.state !== "ready" && <NotReady namespace={namespace} />}
      </div>
    </div>
  );
}

function NotReady({ namespace }: { namespace: NamespaceOut }) {
  const { t } = useTranslation();
  return (
    <Empty
      icon={<Archive />}
      dull
      title={t("kv:notReady")}
      lead={t("kv:notReadyLead")}
      action={
        namespace.run_id && (
          <Button asChild>
            <A to={`/runs/${namespace.run_id}`}>{t("activity:watch")}</A>
          </Button>
        )
      }
    />
  );
}

function Verbs({ namespace }: { namespace: NamespaceOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const [deleting, setDeleting] = useState(false);
  const [limiting, setLimiting] = useState(false);
  return (
    <>
      {can("snapshot.read") && (
        <Button asChild>
          <A to={`/databases/${namespace.database_id}`} search={{ tab: "snapshots" }}>
            <Archive /> {t("snapshots:title")}
          </A>
        </Button>
      )}
      {can("kv.create") && (
        <Button icon={<Gauge />} onClick={() => setLimiting(true)}>
          {t("kv:limits")}
        </Button>
      )}
      {limiting && <LimitsDialog namespace={namespace} onClose={() => setLimiting(false)} />}
      {can("kv.delete") && (
        <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
          <Item icon={<Trash2 />} danger onSelect={() => setDeleting(true)}>
            {t("kv:delete")}
          </Item>
        </Menu>
      )}
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        danger
        title={t("kv:deleteTitle", { name: namespace.name })}
        lead={
          <>
            {t("kv:deleteLead")}
            <Bound to={namespace.id} />
          </>
        }
        verb={t("kv:delete")}
        name={namespace.name}
        act={async () => {
          await data(kvNamespaceDelete({ path: { kv_namespace_id: namespace.id }, body: { confirm: namespace.name } }));
          for (const noun of ["kv_namespaces", "databases"]) void queries.invalidateQueries({ queryKey: [noun] });
          go("/kv");
        }}
      />
    </>
  );
}

import { useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { type VersionWholeOut, workerVersionGet } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, sentence } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { CopyButton, Size, Skeleton, Time } from "@/parts/small";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { versionName } from "../listed";
import { OpenapiLinks } from "../openapi";
import type { TabProps } from "../tabs";
import type { VersionOut } from "../useVersions";
import { Tag } from "./Tag";
import { VersionState } from "./words";

const Diff = lazy(() => import("./Diff"));

interface Props extends TabProps {
  id: string;
  onDeploy: (version: VersionOut) => void;
  onClose: () => void;
}

/** One version: what it is, what it changed, and its files. */
export function VersionSheet({ id, worker, onDeploy, onClose }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "version", id],
    queryFn: () => data(workerVersionGet({ path: { worker_version_id: id } })),
  });
  const able = found?.state === "ready" && worker.deleted_at === null && can("worker.deploy");
  return (
    <Dialog
      as="sheet"
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title={found ? t("workers:versionTitle", { version: versionName(found) }) : t("workers:version")}
      foot={
        able && (
          <Button
            look="primary"
            icon={<Rocket />}
            onClick={() => {
              onClose();
              onDeploy(found);
            }}
          >
            {t("workers:deployThis")}
          </Button>
        )
      }
    >
      {error && !found ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : found ? (
        <div className="grid gap-6">
          <About version={found} />
          {worker.deleted_at === null && can("worker.deploy") && (
            <Tag key={found.tag} worker={worker} version={found} />
          )}
          <Suspense fallback={<Skeleton className="h-32" />}>
            <Diff worker={worker} version={found} />
          </Suspense>
          <Files version={found} />
        </div>
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

function About({ version }: { version: VersionWholeOut }) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-3">
      {version.message && <p className="max-w-prose">{version.message}</p>}
      <Facts
        narrow
        facts={[
          [t("workers:state"), <VersionState key="state" state={version.state} />],
          [t("workers:uploaded"), <Time key="at" at={version.created_at} />],
          [
            t("workers:main"),
            <code key="main" className="font-mono text-xs">
              {version.main}
            </code>,
          ],
          [t("databases:size"), <Size key="size" of={version.size} />],
          [t("workers:openapi"), <OpenapiLinks key="openapi" worker={version.worker_id} version={version.id} />],
          [
            "ID",
            <span key="id" className="inline-flex items-center gap-1 break-all font-mono text-xs">
              {version.id}
              <CopyButton inline text={version.id} label={t("shell:copy")} />
            </span>,
            "wide",
          ],
        ]}
      />
      {version.error && (
        <p role="note" className="rounded-md bg-bad-soft px-3 py-2 text-bad text-sm">
          {sentence(String(version.error.message ?? ""))}
        </p>
      )}
      {version.run_id && (
        <A to={`/runs/${version.run_id}`} className="justify-self-start text-accent-text hover:underline">
          {t("workers:buildRun")}
        </A>
      )}
    </div>
  );
}

function Files({ version }: { version: VersionWholeOut }) {
  const { t } = useTranslation();
  return (
    <section>
      <h3 className="mb-1 font-semibold text-sm">{t("workers:files", { count: version.files.length })}</h3>
      <ul className="grid">
        {version.files.map(({ path, size }) => (
          <li key={path} className="flex items-center gap-3 border-t py-1.5 first:border-t-0">
            <a
              className="min-w-0 flex-1 break-all font-mono text-accent-text text-xs hover:underline"
              href={`/api/v1/worker-versions/${version.id}/files/${path.split("/").map(encodeURIComponent).join("/")}`}
              download={path.split("/").at(-1)}
            >
              {path}
            </a>
            <span className="text-muted text-xs">
              <Size of={size} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

import { useMutation, useQuery } from "@tanstack/react-query";
import { Globe, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type HostOut, workerHostAdd, workerHostList, workerHostRemove, workerHostVerify } from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Entries, Entry } from "@/parts/Entries";
import { ErrorPanel, ErrorText, sentence } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Section } from "@/parts/Page";
import { Badge, CopyButton, Empty, Skeleton, Time } from "@/parts/small";
import { asError, data, once } from "@/shell/api";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { stale } from "../useWorker";

/** Hosts of one's own: claimed, proven by a TXT record, then served. */
export function Hosts({ worker }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("worker.host.manage");
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<HostOut | null>(null);
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: ["workers", worker.id, "hosts"],
    queryFn: async () => (await data(workerHostList({ path: { worker_id: worker.id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const add = able && (
    <Button size={found?.length ? "small" : "usual"} icon={<Plus />} onClick={() => setAdding(true)}>
      {t("workers:addHost")}
    </Button>
  );
  return (
    <Section title={t("workers:parts.hosts")} aside={found && found.length > 0 && add}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && (
        <Empty icon={<Globe />} title={t("workers:noHosts")} lead={t("workers:noHostsLead")} action={add} />
      )}
      <Entries label={t("workers:parts.hosts")}>
        {found?.map((host) => (
          <Host key={host.id} host={host} able={able} onRemove={() => setRemoving(host)} />
        ))}
      </Entries>
      {adding && <AddHost worker={worker} onClose={() => setAdding(false)} />}
      <Confirm
        open={removing !== null}
        onOpenChange={(open) => !open && setRemoving(null)}
        danger
        title={t("workers:removeHostTitle", { host: removing?.host })}
        lead={t("workers:removeHostLead")}
        verb={t("workers:removeHost")}
        act={async () => {
          if (removing) await data(workerHostRemove({ path: { worker_host_id: removing.id } }));
          stale(worker.id);
        }}
      />
    </Section>
  );
}

function Host({ host, able, onRemove }: { host: HostOut; able: boolean; onRemove: () => void }) {
  const { t } = useTranslation();
  const proven = host.verified_at !== null;
  const verify = useMutation({
    mutationFn: () => data(workerHostVerify({ path: { worker_host_id: host.id } })),
    networkMode: "always",
    meta: { quiet: true },
    onSettled: () => stale(host.worker_id),
  });
  return (
    <Entry
      title={host.host}
      state={<Badge tone={proven ? "good" : "warn"}>{t(proven ? "workers:proven" : "workers:unproven")}</Badge>}
      lead={
        proven ? (
          <>
            {t("workers:provenAt")} <Time at={host.verified_at} />
          </>
        ) : (
          <>
            <p>{t("workers:proofLead")}</p>
            <dl className="mt-1 grid max-w-xl grid-cols-[auto_1fr] items-center gap-x-3 rounded-md bg-sunken px-3 py-1.5">
              {[
                [t("workers:recordName"), host.record_name],
                [t("workers:recordType"), "TXT"],
                [t("workers:recordValue"), host.proof],
              ].map(([name, value = ""]) => (
                <div key={name} className="contents">
                  <dt>{name}</dt>
                  <dd className="flex min-w-0 items-center gap-1 text-text">
                    <code className="min-w-0 break-all font-mono">{value}</code>
                    {value !== "TXT" && <CopyButton text={value} label={`${t("shell:copy")}: ${name}`} />}
                  </dd>
                </div>
              ))}
            </dl>
            {host.error && !verify.error && (
              <p className="mt-1">
                {sentence(host.error)} <Time at={host.checked_at} />
              </p>
            )}
            {verify.error && (
              <div className="mt-2 max-w-xl">
                <ErrorText error={asError(verify.error)} />
              </div>
            )}
          </>
        )
      }
    >
      {able && !proven && (
        <Button size="small" busy={verify.isPending} onClick={() => verify.mutate()}>
          {t("workers:verify")}
        </Button>
      )}
      {able && (
        <Button
          size="small"
          icon={<Trash2 />}
          aria-label={t("workers:removeHostNamed", { host: host.host })}
          onClick={onRemove}
        >
          {t("workers:removeHost")}
        </Button>
      )}
    </Entry>
  );
}

function AddHost({ worker, onClose }: TabProps & { onClose: () => void }) {
  const { t } = useTranslation();
  const [host, setHost] = useState("");
  const [key] = useState(once);
  return (
    <FormDialog
      title={t("workers:addHost")}
      lead={t("workers:addHostLead")}
      verb={t("workers:addHost")}
      able={host.trim() !== ""}
      onClose={onClose}
      save={async () => {
        await data(workerHostAdd({ path: { worker_id: worker.id }, body: { host: host.trim() }, headers: key }));
        stale(worker.id);
      }}
    >
      {(wrong) => (
        <Field label={t("workers:host")} error={wrong.host ?? null}>
          {(given) => (
            <Input
              {...given}
              required
              autoFocus
              autoComplete="off"
              spellCheck={false}
              placeholder="api.example.org"
              maxLength={260}
              value={host}
              onChange={(event) => setHost(event.target.value)}
            />
          )}
        </Field>
      )}
    </FormDialog>
  );
}

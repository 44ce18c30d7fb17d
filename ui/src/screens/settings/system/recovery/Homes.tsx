import { useMutation, useQuery } from "@tanstack/react-query";
import { Camera, HardDrive, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type MetadataHomeOut,
  type MetadataSnapshotOut,
  metadataHomeAdd,
  metadataHomeRemove,
  metadataSnapshotCreate,
  metadataSnapshotList,
  type RecoveryOut,
  recoveryRead,
  repositoryList,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Entries, Entry } from "@/parts/Entries";
import { Field, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { Section } from "@/parts/Page";
import { RunState } from "@/parts/RunState";
import { Size, Time } from "@/parts/small";
import { count } from "@/parts/text";
import { A } from "@/shell/address";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../../Asked";
import { Standing } from "./Recovery";

const SHOWN = 20;
/** Keys begin with the noun that runs touch, so that a snapshot that ends is seen to end. */
const HOMES = ["repositories", "metadata", "homes"];
const SNAPSHOTS = ["repositories", "metadata", "snapshots"];
const again = () => queries.invalidateQueries({ queryKey: ["repositories", "metadata"] });

/** Where snapshots of the server's own records go, and the newest of them. */
export function Homes() {
  const { t } = useTranslation();
  const can = useCan();
  const [adding, setAdding] = useState(false);
  const state = useQuery({ queryKey: HOMES, queryFn: () => data(recoveryRead()) });
  const take = useMutation({
    mutationFn: () => data(metadataSnapshotCreate()),
    onSuccess: async ({ snapshots }) => {
      toast.good(t("recovery:taking", { count: snapshots.length }));
      await again();
    },
  });
  return (
    <>
      <Section
        title={t("recovery:homes")}
        aside={
          can("system.admin") && (
            <div className="flex flex-wrap justify-end gap-1.5">
              <Button icon={<Plus />} onClick={() => setAdding(true)}>
                {t("recovery:addHome")}
              </Button>
              <Button icon={<Camera />} busy={take.isPending} onClick={() => take.mutate()}>
                {t("recovery:take")}
              </Button>
            </div>
          )
        }
      >
        <p className="mb-3 max-w-2xl text-muted">{t("recovery:homesLead")}</p>
        <Asked of={state}>
          {(found) => (
            <>
              <Standing ok={found.ok} why={found.why} />
              <div className="mt-3">
                <Entries label={t("recovery:homes")}>
                  {found.homes.map((each) => (
                    <Home key={each.repository_id} home={each} />
                  ))}
                </Entries>
              </div>
            </>
          )}
        </Asked>
        {adding && <AddHome homes={state.data?.homes ?? []} onClose={() => setAdding(false)} />}
      </Section>
      <Taken homes={state.data} />
    </>
  );
}

function Home({ home }: { home: MetadataHomeOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const [asks, setAsks] = useState(false);
  const { name, newest } = home;
  return (
    <Entry
      icon={<HardDrive className="size-4 text-muted" aria-hidden />}
      title={name}
      lead={
        <>
          <span className="break-all font-mono">{home.path}</span>
          <span className="block">
            {newest ? (
              <>
                {t("recovery:newestGood")} <Time at={newest.taken_at} /> · <Size of={newest.bytes} />
              </>
            ) : (
              t("recovery:noneGood")
            )}
          </span>
        </>
      }
    >
      {can("system.admin") && (
        <Button
          size="small"
          look="quiet"
          icon={<Trash2 />}
          aria-label={t("recovery:removeHome", { name })}
          onClick={() => setAsks(true)}
        />
      )}
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("recovery:removeHome", { name })}
        lead={t("recovery:removeHomeLead")}
        verb={t("recovery:remove")}
        act={async () => {
          await data(metadataHomeRemove({ path: { repository_id: home.repository_id } }));
          await again();
        }}
      />
    </Entry>
  );
}

function AddHome({ homes, onClose }: { homes: readonly MetadataHomeOut[]; onClose: () => void }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState("");
  const { data: all = [] } = useQuery({
    queryKey: ["repositories", "all"],
    queryFn: async () => (await data(repositoryList({ query: { limit: 200 } }))).items,
  });
  const able = all.filter(
    ({ id, abilities }) => abilities.includes("records") && !homes.some((home) => home.repository_id === id),
  );
  return (
    <FormDialog
      as="dialog"
      title={t("recovery:addHome")}
      lead={t("recovery:addHomeLead")}
      verb={t("recovery:addHome")}
      save={async () => {
        await data(metadataHomeAdd({ path: { repository_id: chosen } }));
        await again();
      }}
      onClose={onClose}
    >
      {() => (
        <Field label={t("plans:repository")} hint={able.length === 0 ? t("recovery:noRepository") : undefined}>
          {(given) => (
            <Select {...given} required value={chosen} onChange={(event) => setChosen(event.target.value)}>
              <option value="">–</option>
              {able.map(({ id, name, kind }) => (
                <option key={id} value={id}>
                  {name} ({kind})
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </FormDialog>
  );
}

const STATES: Record<string, string> = { ready: "succeeded", failed: "failed" };

function Taken({ homes }: { homes: RecoveryOut | undefined }) {
  const { t } = useTranslation();
  const taken = useQuery({
    queryKey: SNAPSHOTS,
    queryFn: async () => (await data(metadataSnapshotList({ query: { limit: SHOWN } }))).items,
  });
  const home = (of: MetadataSnapshotOut) =>
    homes?.homes.find(({ repository_id }) => repository_id === of.repository_id)?.name ?? of.repository_id;
  return (
    <Section title={t("recovery:taken")}>
      <Asked of={taken}>
        {(found) => (
          <Entries label={t("recovery:taken")}>
            {found.map((each) => (
              <Entry
                key={each.id}
                title={<Time at={each.taken_at ?? each.created_at} />}
                state={<RunState state={STATES[each.state] ?? (each.state === "running" ? "running" : "queued")} />}
                lead={
                  <>
                    {home(each)}
                    {each.rows !== null && ` · ${t("recovery:rows", { count: each.rows, shown: count(each.rows) })}`}
                    {each.error && <span className="block text-bad">{String(each.error.message ?? "")}</span>}
                  </>
                }
              >
                <span className="text-muted text-xs">
                  <Size of={each.stored_bytes} />
                </span>
                {each.run_id && (
                  <A to={`/runs/${each.run_id}`} className="text-accent-text text-xs hover:underline">
                    {t("recovery:run")}
                  </A>
                )}
              </Entry>
            ))}
            {found.length === 0 && <Entry title={t("recovery:noneTaken")} lead={t("recovery:noneTakenLead")} />}
          </Entries>
        )}
      </Asked>
    </Section>
  );
}

import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type KeyMadeOut,
  type HoldfastFeaturesWorkersWireMoreKeyOut as KeyOut,
  workerKeyCreate,
  workerKeyList,
  workerKeyRevoke,
} from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Confirm } from "@/parts/Confirm";
import { Entries, Entry } from "@/parts/Entries";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { NameField } from "@/parts/NameField";
import { Section } from "@/parts/Page";
import { Badge, Empty, Skeleton, Time } from "@/parts/small";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { SecretOnce } from "../../databases/connections/SecretOnce";
import type { TabProps } from "../tabs";
import { RotateKey } from "./RotateKey";
import { WorkerForm } from "./WorkerForm";

/** Whether callers show a key, and the keys there are. */
export function CallerKeys({ worker }: TabProps) {
  const { t } = useTranslation();
  return (
    <>
      <WorkerForm
        worker={worker}
        title={t("workers:parts.keys")}
        lead={t("workers:keysLead")}
        begin={({ settings }) => ({ on: settings.protected ?? false })}
        end={({ on }, { settings }) => ({ settings: { ...settings, protected: on } })}
      >
        {(draft, set) => (
          <Checkbox
            label={t("workers:protected")}
            hint={t("workers:protectedHint")}
            checked={draft.on}
            onChange={(on) => set({ on })}
          />
        )}
      </WorkerForm>
      <List worker={worker} />
    </>
  );
}

function List({ worker }: TabProps) {
  const { t } = useTranslation();
  const able = useCan()("worker.key.manage");
  const [adding, setAdding] = useState(false);
  const [rotating, setRotating] = useState<KeyOut | null>(null);
  const [revoking, setRevoking] = useState<KeyOut | null>(null);
  const [shown, setShown] = useState<KeyMadeOut | null>(null);
  const key = ["workers", worker.id, "keys"];
  const read = () => void queries.invalidateQueries({ queryKey: key });
  const {
    data: found,
    error,
    refetch,
  } = useQuery({
    queryKey: key,
    queryFn: async () => (await data(workerKeyList({ path: { worker_id: worker.id }, query: { limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const add = able && (
    <Button size={found?.length ? "small" : "usual"} icon={<Plus />} onClick={() => setAdding(true)}>
      {t("workers:newKey")}
    </Button>
  );
  const made = (of: KeyMadeOut) => {
    read();
    setShown(of);
  };
  return (
    <Section title={t("workers:keys")} aside={found && found.length > 0 && add}>
      {!found && <Skeleton className="h-10" />}
      {found?.length === 0 && (
        <Empty icon={<KeyRound />} title={t("workers:noKeys")} lead={t("workers:noKeysLead")} action={add} />
      )}
      <Entries label={t("workers:keys")}>
        {found?.map((each) => (
          <Entry
            key={each.id}
            title={each.name}
            state={
              <>
                <Ends at={each.expires_at} />
                <Overlap until={each.previous_until} />
              </>
            }
            lead={
              <>
                <code className="font-mono">{each.shown}…</code> · {t("databases:created")}{" "}
                <Time at={each.created_at} /> ·{" "}
                {each.last_used_at ? (
                  <>
                    {t("workers:lastUsed")} <Time at={each.last_used_at} />
                  </>
                ) : (
                  t("workers:neverUsed")
                )}
              </>
            }
          >
            {able && (
              <>
                <Button
                  size="small"
                  icon={<RotateCw />}
                  aria-label={t("workers:rotateNamed", { name: each.name })}
                  onClick={() => setRotating(each)}
                >
                  {t("workers:rotate")}
                </Button>
                <Button
                  size="small"
                  icon={<Trash2 />}
                  aria-label={t("workers:revokeNamed", { name: each.name })}
                  onClick={() => setRevoking(each)}
                >
                  {t("workers:revoke")}
                </Button>
              </>
            )}
          </Entry>
        ))}
      </Entries>
      {adding && <NewKey worker={worker} onMade={made} onClose={() => setAdding(false)} />}
      {rotating && <RotateKey of={rotating} onMade={made} onClose={() => setRotating(null)} />}
      <Confirm
        open={revoking !== null}
        onOpenChange={(open) => !open && setRevoking(null)}
        danger
        title={t("workers:revokeTitle", { name: revoking?.name })}
        lead={t("workers:revokeLead")}
        verb={t("workers:revoke")}
        act={async () => {
          if (revoking) await data(workerKeyRevoke({ path: { worker_key_id: revoking.id } }));
          read();
        }}
      />
      {shown && (
        <SecretOnce
          title={t("workers:keyOf", { name: shown.name })}
          facts={[
            [t("workers:key"), shown.key],
            [t("workers:keyUse"), `Authorization: Bearer ${shown.key}`],
          ]}
          onClose={() => setShown(null)}
        />
      )}
    </Section>
  );
}

function Ends({ at }: { at: string | null }) {
  const { t } = useTranslation();
  if (!at) return null;
  const over = Date.parse(at) < Date.now();
  return (
    <Badge tone={over ? "bad" : "plain"}>
      {t(over ? "workers:ended" : "workers:ends")} <Time at={at} />
    </Badge>
  );
}

/** The text before the last rotation counts too, for as long as this is shown. */
function Overlap({ until }: { until: string | null }) {
  const { t } = useTranslation();
  if (!until || Date.parse(until) < Date.now()) return null;
  return (
    <Badge tone="info">
      {t("workers:previousUntil")} <Time at={until} />
    </Badge>
  );
}

function NewKey({ worker, onMade, onClose }: TabProps & { onMade: (key: KeyMadeOut) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [ends, setEnds] = useState("");
  return (
    <FormDialog
      title={t("workers:newKey")}
      lead={t("workers:newKeyLead")}
      verb={t("workers:create")}
      able={name.trim() !== ""}
      onClose={onClose}
      save={async () => {
        const body = { name: name.trim(), ...(ends && { expires_at: new Date(ends).toISOString() }) };
        onMade(await data(workerKeyCreate({ path: { worker_id: worker.id }, body })));
      }}
    >
      {(wrong) => (
        <>
          <NameField label={t("workers:name")} value={name} onChange={setName} error={wrong.name} />
          <Field label={t("workers:endsAt")} aside={t("workers:optional")} error={wrong.expires_at ?? null}>
            {(given) => (
              <Input {...given} type="datetime-local" value={ends} onChange={(event) => setEnds(event.target.value)} />
            )}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

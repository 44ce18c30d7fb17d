import { useMutation, useQuery } from "@tanstack/react-query";
import { Pencil, RefreshCw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseLook, databaseReconnect, databaseReport, databaseTest } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText, sentence } from "@/parts/ErrorPanel";
import { Facts, Section } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { useBegun } from "@/parts/useBegun";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import type { TabProps } from "../tabs";
import { Tried, triedError, wrongOf } from "./Register";
import { Report } from "./Report";
import { TargetFields } from "./TargetFields";
import { EMPTY, isFilled, targetOf, traitsOf } from "./target";

/** Somebody else's server: where it is, what our login may do there, and another way to it. */
export function Server(props: TabProps) {
  const { t } = useTranslation();
  const { database } = props;
  const able = useCan()("database.register");
  const [moving, setMoving] = useState(false);
  const path = { database_id: database.id };
  const key = ["databases", database.id, "report"];
  const { data: look, error, refetch } = useQuery({ queryKey: key, queryFn: () => data(databaseReport({ path })) });
  const again = useMutation({
    mutationFn: () => data(databaseLook({ path })),
    onSuccess: (now) => queries.setQueryData(key, now),
  });
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />;
  const at = database.endpoint ?? {};
  const failed = triedError(look?.error ?? null);
  return (
    <>
      <Section
        title={t("connections:server")}
        aside={
          able && (
            <Button size="small" icon={<Pencil />} onClick={() => setMoving(true)}>
              {t("external:change")}
            </Button>
          )
        }
      >
        <Facts
          facts={[
            [t("external:host"), String(at.host ?? "–")],
            [t("external:port"), String(at.port ?? "–")],
            [t("external:database"), String(at.database ?? "–")],
            [t("external:lookedAt"), <Time key="at" at={look?.at} />],
          ]}
        />
      </Section>
      <Section
        title={t("external:report")}
        aside={
          able && (
            <Button size="small" icon={<RefreshCw />} busy={again.isPending} onClick={() => again.mutate()}>
              {t("external:look")}
            </Button>
          )
        }
      >
        <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-3">
          {!look && <Skeleton className="h-24" />}
          {failed && (
            <div>
              <p className="text-bad">{sentence(failed.message)}</p>
              {failed.hint && <p className="text-muted text-xs">{failed.hint}</p>}
            </div>
          )}
          {look?.report ? (
            <Report report={look.report} />
          ) : (
            look && !failed && <p className="text-muted">{t("external:noReport")}</p>
          )}
        </div>
      </Section>
      {moving && <Reconnect {...props} onClose={() => setMoving(false)} />}
    </>
  );
}

/** Address, login, TLS and tunnel are all given anew: what is stored of them is never shown. */
function Reconnect({ database, engine, onClose }: TabProps & { onClose: () => void }) {
  const { t } = useTranslation();
  const begun = useBegun("databases");
  const traits = traitsOf(engine);
  const at = database.endpoint ?? {};
  const [draft, setDraft] = useState({
    ...EMPTY,
    host: String(at.host ?? ""),
    port: at.port ? String(at.port) : "",
    database: String(at.database ?? ""),
  });
  const body = traits ? targetOf(draft, traits) : {};
  const test = useMutation({
    mutationFn: () =>
      data(databaseTest({ body: { environment_id: database.environment_id, engine: database.engine, target: body } })),
    meta: { quiet: true },
  });
  const save = useMutation({
    mutationFn: () => data(databaseReconnect({ path: { database_id: database.id }, body })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (made) => {
      begun(made);
      onClose();
    },
  });
  if (!traits) return null;
  const refused = save.error ?? test.error;
  const error = refused ? asError(refused) : null;
  const able = isFilled(draft, traits);
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t("external:change")}
      lead={t("external:changeLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button disabled={!able} busy={test.isPending} onClick={() => test.mutate()}>
            {t("external:test")}
          </Button>
          <Button look="primary" disabled={!able} busy={save.isPending} onClick={() => save.mutate()}>
            {t("shell:save")}
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <TargetFields
          draft={draft}
          set={(patch) => {
            test.reset();
            setDraft((before) => ({ ...before, ...patch }));
          }}
          wrong={wrongOf(error)}
          traits={traits}
          environment={database.environment_id}
        />
        {error && <ErrorText error={error} />}
        <Tried of={test.data ?? null} />
      </div>
    </Dialog>
  );
}

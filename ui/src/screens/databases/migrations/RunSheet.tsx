import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type DatabaseOut,
  migrationApply,
  migrationBaseline,
  migrationRehearse,
  migrationRollback,
  type RunOut,
  type StandingOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input, Select } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import { Following } from "../../activity/Following";
import { Outcome } from "./Outcome";
import { type Act, choices, type Said, type Wish, withoutEmpty } from "./wish";

export type { Act };

interface Props {
  act: Act;
  database: DatabaseOut;
  standings: readonly StandingOut[];
  onClose: () => void;
}

function begin(act: Act, id: string, wish: Said): Promise<{ run: RunOut }> {
  const path = { database_id: id };
  const { to, steps, snapshot, confirm, lock_seconds, out_of_order, on_clone } = wish;
  if (act === "apply")
    return data(migrationApply({ path, body: { to, snapshot, confirm, lock_seconds, out_of_order } }));
  if (act === "rehearse") return data(migrationRehearse({ path, body: { to, on_clone, lock_seconds, out_of_order } }));
  if (act === "baseline") return data(migrationBaseline({ path, body: { to, confirm } }));
  return data(migrationRollback({ path, body: { to, steps, snapshot, confirm: confirm ?? "", lock_seconds } }));
}

/** Asks how, does it as a run, and shows what came of it, all in one sheet. */
export function RunSheet({ act, database, standings, onClose }: Props) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const production = environments.find(({ id }) => id === database.environment_id)?.kind === "production";
  const named = act === "rollback" || (production && act !== "rehearse");
  const [wish, setWish] = useState<Wish>({ to: "", snapshot: true, lock_seconds: 10, confirm: "", on_clone: false });
  const change = (patch: Partial<Wish>) => setWish({ ...wish, ...patch });
  const start = useMutation({
    mutationFn: () => begin(act, database.id, withoutEmpty(act, wish, named)),
    networkMode: "always",
    meta: { quiet: true },
  });
  const begun = start.data?.run;
  const able = !named || wish.confirm === database.name;
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={t(`migrations:acts.${act}`)}
      lead={begun ? undefined : t(`migrations:leads.${act}`)}
      foot={
        begun ? (
          <Button onClick={onClose}>{t("shell:close")}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{t("shell:cancel")}</Button>
            <Button
              look={act === "rollback" ? "danger" : "primary"}
              type="submit"
              form="run-form"
              disabled={!able}
              busy={start.isPending}
            >
              {t(`migrations:acts.${act}`)}
            </Button>
          </>
        )
      }
    >
      {begun ? (
        <Following
          run={begun}
          label={t(`migrations:acts.${act}`)}
          nouns={["migrations", "databases"]}
          failed={() => <p className="text-muted text-sm">{t(`migrations:failed.${act}`)}</p>}
        >
          {(run) => <Outcome run={run} />}
        </Following>
      ) : (
        <form
          id="run-form"
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (able) start.mutate();
          }}
        >
          <Options {...{ act, wish, change, standings }} />
          {named && (
            <Field label={t("shell:typeName", { name: database.name })}>
              {(given) => (
                <Input
                  {...given}
                  autoComplete="off"
                  spellCheck={false}
                  className="font-mono"
                  value={wish.confirm ?? ""}
                  onChange={(event) => change({ confirm: event.target.value })}
                />
              )}
            </Field>
          )}
          {start.error && <ErrorText error={asError(start.error)} />}
        </form>
      )}
    </Dialog>
  );
}

interface OptionsProps {
  act: Act;
  wish: Wish;
  change: (patch: Partial<Wish>) => void;
  standings: readonly StandingOut[];
}

function Options({ act, wish, change, standings }: OptionsProps) {
  const { t } = useTranslation();
  const some = choices(act, standings);
  return (
    <>
      <Field label={t(act === "rollback" ? "migrations:backTo" : "migrations:upTo")}>
        {(given) => (
          <Select {...given} value={wish.to ?? ""} onChange={(event) => change({ to: event.target.value })}>
            <option value="">{t(`migrations:all.${act}`)}</option>
            {some.map(({ number, name }) => (
              <option key={number} value={number}>
                {number} {name}
              </option>
            ))}
            {act === "rollback" && <option value="0">{t("migrations:beforeAll")}</option>}
          </Select>
        )}
      </Field>
      {act === "rehearse" && (
        <Checkbox
          label={t("migrations:onClone")}
          hint={t("migrations:onCloneHint")}
          checked={Boolean(wish.on_clone)}
          onChange={(on_clone) => change({ on_clone })}
        />
      )}
      {(act === "apply" || act === "rollback") && (
        <Checkbox
          label={t("migrations:snapshot")}
          hint={wish.snapshot ? t("migrations:snapshotHint") : t("migrations:noSnapshotHint")}
          checked={Boolean(wish.snapshot)}
          onChange={(snapshot) => change({ snapshot })}
        />
      )}
      {(act === "apply" || act === "rehearse") && standings.some((each) => each.out_of_order) && (
        <Checkbox
          label={t("migrations:outOfOrder")}
          hint={t("migrations:outOfOrderHint")}
          checked={Boolean(wish.out_of_order)}
          onChange={(out_of_order) => change({ out_of_order })}
        />
      )}
      {act !== "baseline" && (
        <Field label={t("migrations:locks")} hint={t("migrations:locksHint")}>
          {(given) => (
            <Input
              {...given}
              type="number"
              min={1}
              max={3600}
              className="w-28"
              value={wish.lock_seconds ?? 10}
              onChange={(event) => change({ lock_seconds: Number(event.target.value) })}
            />
          )}
        </Field>
      )}
    </>
  );
}

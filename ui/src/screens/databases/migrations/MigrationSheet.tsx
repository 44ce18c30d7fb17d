import { useMutation, useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type DatabaseOut,
  type MigrationOut,
  migrationCreate,
  migrationDelete,
  migrationRead,
  type StandingOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { Skeleton } from "@/parts/small";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";

const Script = lazy(() => import("./Script"));

interface Props {
  database: DatabaseOut;
  /** Without it a new one is written. */
  standing?: StandingOut;
  onClose: () => void;
}

/** A migration's two scripts. What is applied keeps its way up; its way back may still be mended. */
export function MigrationSheet({ database, standing, onClose }: Props) {
  const { t } = useTranslation();
  const id = standing?.migration_id;
  const { data: found, error } = useQuery({
    queryKey: ["migrations", database.id, id],
    queryFn: () => data(migrationRead({ path: { migration_id: id ?? "" } })),
    enabled: Boolean(id),
  });
  if (standing && !id)
    return (
      <Frame title={standing.name} lead={t("migrations:unknownLead")} onClose={onClose}>
        <Button onClick={onClose}>{t("shell:close")}</Button>
      </Frame>
    );
  if (standing && !found)
    return (
      <Frame title={standing.name} onClose={onClose}>
        {error ? <ErrorPanel error={error} /> : <Skeleton className="h-40" />}
      </Frame>
    );
  return <Form database={database} found={found} onClose={onClose} />;
}

interface FrameProps {
  title: string;
  lead?: string;
  onClose: () => void;
  children: ReactNode;
}
function Frame({ title, lead, onClose, children }: FrameProps) {
  return (
    <Dialog open as="sheet" wide title={title} lead={lead} onOpenChange={(open) => !open && onClose()}>
      {children}
    </Dialog>
  );
}

interface FormProps {
  database: DatabaseOut;
  found: MigrationOut | undefined;
  onClose: () => void;
}

function Form({ database, found, onClose }: FormProps) {
  const { t } = useTranslation();
  const able = useCan()("migration.apply");
  const [name, setName] = useState(found?.name ?? "");
  const [number, setNumber] = useState(found ? String(found.number) : "");
  const [up, setUp] = useState(found?.up ?? "");
  const [down, setDown] = useState(found?.down ?? "");
  const [deleting, setDeleting] = useState(false);
  const [key] = useState(once);
  const applied = Boolean(found?.applied_at);
  const changed = name !== (found?.name ?? "") || up !== (found?.up ?? "") || down !== (found?.down ?? "");
  const save = useMutation({
    mutationFn: () =>
      data(
        migrationCreate({
          path: { database_id: database.id },
          body: { name: name.trim(), up, down: down.trim() ? down : null, number: number ? Number(number) : null },
          headers: found ? {} : key,
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["migrations"] });
      onClose();
    },
  });
  const error = save.error ? asError(save.error) : null;
  const wrong = error?.fields ?? {};
  const script = (
    label: string,
    example: string,
    text: string,
    onChange: (text: string) => void,
    fixed: boolean,
    hint?: string,
  ) => (
    <div className="grid gap-1">
      <span className="font-medium text-xs">{label}</span>
      {fixed ? (
        <pre className="max-h-72 overflow-auto whitespace-pre-wrap rounded-md bg-sunken px-3 py-2 font-mono text-xs">
          {text || "–"}
        </pre>
      ) : (
        <div className="h-44 overflow-hidden rounded-md border border-strong-line/80">
          <Suspense fallback={<Skeleton className="h-full" />}>
            <Script label={label} text={text} placeholder={example} onChange={onChange} />
          </Suspense>
        </div>
      )}
      {hint && <p className="text-muted text-xs">{hint}</p>}
    </div>
  );
  return (
    <Dialog
      open
      as="sheet"
      wide
      stays={changed}
      onOpenChange={(open) => !open && onClose()}
      title={found ? `${found.number} ${found.name}` : t("migrations:new")}
      lead={found ? undefined : t("migrations:newLead")}
      foot={
        <>
          {able && found && !applied && (
            <Button look="quiet" icon={<Trash2 />} className="mr-auto text-bad" onClick={() => setDeleting(true)}>
              {t("migrations:delete")}
            </Button>
          )}
          <Button onClick={onClose}>{t(able ? "shell:cancel" : "shell:close")}</Button>
          {able && (
            <Button look="primary" type="submit" form="migration-form" busy={save.isPending} disabled={!changed}>
              {t("shell:save")}
            </Button>
          )}
        </>
      }
    >
      <form
        id="migration-form"
        className="grid grid-cols-[minmax(0,1fr)] gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {able && (
          <div className="grid gap-4 sm:grid-cols-[1fr_120px]">
            <Field label={t("migrations:name")} error={wrong.name}>
              {(given) => (
                <Input
                  {...given}
                  required
                  autoFocus={!found}
                  autoComplete="off"
                  spellCheck={false}
                  maxLength={100}
                  placeholder="add-orders"
                  value={name}
                  onChange={(event) => setName(event.target.value)}
                />
              )}
            </Field>
            <Field label={t("migrations:number")} error={wrong.number} aside={found ? undefined : t("shell:optional")}>
              {(given) => (
                <Input
                  {...given}
                  inputMode="numeric"
                  pattern="[0-9]*"
                  disabled={Boolean(found)}
                  placeholder={t("migrations:next")}
                  value={number}
                  onChange={(event) => setNumber(event.target.value)}
                />
              )}
            </Field>
          </div>
        )}
        {script(
          t("migrations:up"),
          "ALTER TABLE orders ADD COLUMN note text;",
          up,
          setUp,
          applied || !able,
          applied ? t("migrations:fixed") : undefined,
        )}
        {script(
          t("migrations:down"),
          "ALTER TABLE orders DROP COLUMN note;",
          down,
          setDown,
          !able,
          t("migrations:downHint"),
        )}
        {error && <ErrorText error={error} />}
      </form>
      {found && (
        <Confirm
          open={deleting}
          onOpenChange={setDeleting}
          danger
          title={t("migrations:deleteTitle", { name: found.name })}
          lead={t("migrations:deleteLead")}
          verb={t("migrations:delete")}
          act={async () => {
            await data(migrationDelete({ path: { migration_id: found.id } }));
            await queries.invalidateQueries({ queryKey: ["migrations"] });
            onClose();
          }}
        />
      )}
    </Dialog>
  );
}

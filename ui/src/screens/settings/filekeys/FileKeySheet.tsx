import { useMutation, useQuery } from "@tanstack/react-query";
import { Eye, Plug, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type FileKeyOut,
  fileKeyCredentialChange,
  fileKeyDelete,
  fileKeyRead,
  fileKeyReveal,
  fileKeyTest,
} from "@/api";
import { Button } from "@/parts/Button";
import { Checkbox } from "@/parts/Checkbox";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText } from "@/parts/ErrorPanel";
import { Facts } from "@/parts/Page";
import { Badge, CopyButton, Skeleton, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { KeyFields } from "./KeyFields";
import { loginOf, serviceOf } from "./kinds";

/** One key: what it seals, what needs it, and what may be done with it. */
export function FileKeySheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: key, error } = useQuery({
    queryKey: ["file_keys", id],
    queryFn: () => data(fileKeyRead({ path: { file_key_id: id } })),
  });
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={key?.name ?? t("filekeys:one")}
      lead={key && t(`filekeys:kinds.${key.kind}`, { defaultValue: key.kind })}
    >
      {error && <ErrorPanel error={error} />}
      {!key && !error && <Skeleton className="h-32" />}
      {key && <Body of={key} onClose={onClose} />}
    </Dialog>
  );
}

function Body({ of, onClose }: { of: FileKeyOut; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const [deleting, setDeleting] = useState(false);
  const path = { file_key_id: of.id };
  const test = useMutation({
    mutationFn: () => data(fileKeyTest({ path })),
    meta: { quiet: true },
    onSuccess: () => toast.good(t("filekeys:works")),
  });
  const service = serviceOf(of.kind);
  return (
    <div className="grid gap-5">
      <Facts
        facts={[
          [t("filekeys:takes"), of.takes.join(", ")],
          [t("filekeys:opensHere"), t(of.opens ? "filekeys:opens" : "filekeys:sealsOnly")],
          [t("filekeys:created"), <Time key="at" at={of.created_at} />],
          ...(of.credential_at ? [[t("filekeys:credentialAt"), <Time key="c" at={of.credential_at} />] as const] : []),
          ...Object.entries(of.place)
            .filter(([, value]) => typeof value === "string")
            .map(([name, value]) => [t(`filekeys:fields.${name}`, { defaultValue: name }), String(value)] as const),
        ]}
      />
      {of.fingerprint && <Long name={t("filekeys:fingerprint")} value={of.fingerprint} />}
      {of.recipients.map((each) => (
        <Long key={each} name={t("filekeys:fields.recipients")} value={each} />
      ))}
      <Uses of={of} />
      {test.error && <ErrorText error={asError(test.error)} />}
      {can("file.key.reveal") && of.opens && !service && <Reveal of={of} />}
      {service && can("file.key.write") && <Credential of={of} service={service} />}
      {can("file.key.write") && (
        <div className="flex flex-wrap justify-between gap-2 border-t pt-4">
          <Button icon={<Trash2 />} look="quiet" className="text-bad" onClick={() => setDeleting(true)}>
            {t("filekeys:delete")}
          </Button>
          {service && (
            <Button icon={<Plug />} busy={test.isPending} onClick={() => test.mutate()}>
              {t("filekeys:test")}
            </Button>
          )}
        </div>
      )}
      {deleting && <Deleting of={of} onClose={() => setDeleting(false)} onGone={onClose} />}
    </div>
  );
}

function Long({ name, value }: { name: string; value: string }) {
  const { t } = useTranslation();
  return (
    <div>
      <p className="text-muted text-xs">{name}</p>
      <div className="flex items-center gap-1">
        <code className="min-w-0 flex-1 break-all rounded-md bg-sunken px-2 py-1.5 font-mono text-xs">{value}</code>
        <CopyButton text={value} label={t("shell:copy")} />
      </div>
    </div>
  );
}

function Uses({ of }: { of: FileKeyOut }) {
  const { t } = useTranslation();
  const uses = (of.uses ?? []).filter(({ total }) => total > 0);
  return (
    <section>
      <h3 className="mb-1 font-medium">{t("filekeys:uses")}</h3>
      {uses.length === 0 && <p className="text-muted">{t("filekeys:unused")}</p>}
      <ul className="grid gap-1">
        {uses.map(({ noun, total, names, blocks }) => (
          <li key={noun} className="flex flex-wrap items-center gap-2">
            <Badge tone={blocks ? "warn" : "plain"}>
              {t(`filekeys:nouns.${noun.replaceAll(" ", "_")}`, { defaultValue: noun })} · {total}
            </Badge>
            <span className="min-w-0 break-words text-muted text-xs">{names.join(", ")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Reveal({ of }: { of: FileKeyOut }) {
  const { t } = useTranslation();
  const reveal = useMutation({
    mutationFn: () => data(fileKeyReveal({ path: { file_key_id: of.id } })),
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
  });
  return (
    <section className="grid gap-2">
      {reveal.data ? (
        <Long name={t("filekeys:secret")} value={reveal.data.material} />
      ) : (
        <>
          <Button className="justify-self-start" icon={<Eye />} busy={reveal.isPending} onClick={() => reveal.mutate()}>
            {t("filekeys:reveal")}
          </Button>
          <p className="text-muted text-xs">{t("filekeys:revealLead")}</p>
        </>
      )}
      {reveal.error && <ErrorText error={asError(reveal.error)} />}
    </section>
  );
}

function Credential({ of, service }: { of: FileKeyOut; service: "vault" | "aws" | "gcp" }) {
  const { t } = useTranslation();
  const [given, setGiven] = useState<Record<string, string>>({});
  const change = useMutation({
    mutationFn: () => {
      const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim() !== ""));
      return data(fileKeyCredentialChange({ path: { file_key_id: of.id }, body: { [service]: said } }));
    },
    networkMode: "always",
    gcTime: 0,
    meta: { quiet: true },
    onSuccess: () => {
      setGiven({});
      void queries.invalidateQueries({ queryKey: ["file_keys"] });
      toast.good(t("filekeys:works"));
    },
  });
  return (
    <details className="rounded-md border px-3 py-2">
      <summary className="font-medium text-muted text-xs hover:text-text">{t("filekeys:credential")}</summary>
      <form
        className="mt-3 grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <KeyFields fields={loginOf(of.kind)} given={given} onChange={setGiven} />
        {change.error && <ErrorText error={asError(change.error)} />}
        <Button type="submit" className="justify-self-start" busy={change.isPending}>
          {t("shell:save")}
        </Button>
      </form>
    </details>
  );
}

/** Refused while snapshots need it, with which; losing them is said before it is done. */
function Deleting({ of, onClose, onGone }: { of: FileKeyOut; onClose: () => void; onGone: () => void }) {
  const { t } = useTranslation();
  const [lose, setLose] = useState(false);
  const needed = (of.uses ?? []).filter(({ total }) => total > 0);
  const lost = needed.some(({ blocks }) => !blocks);
  return (
    <Confirm
      open
      onOpenChange={(open) => !open && onClose()}
      danger
      title={t("filekeys:deleteTitle", { name: of.name })}
      lead={
        <>
          {needed.length > 0
            ? t("filekeys:neededBy", {
                list: needed
                  .map(
                    ({ noun, total }) =>
                      `${t(`filekeys:nouns.${noun.replaceAll(" ", "_")}`, { defaultValue: noun })} (${total})`,
                  )
                  .join(", "),
              })
            : t("filekeys:deleteLead")}
          {lost && (
            <span className="mt-3 block text-text">
              <Checkbox label={t("filekeys:lose")} checked={lose} onChange={setLose} />
            </span>
          )}
        </>
      }
      verb={t("filekeys:delete")}
      name={of.name}
      act={async () => {
        await data(fileKeyDelete({ path: { file_key_id: of.id }, body: { confirm: of.name, lose } }));
        await queries.invalidateQueries({ queryKey: ["file_keys"] });
        onGone();
      }}
    />
  );
}

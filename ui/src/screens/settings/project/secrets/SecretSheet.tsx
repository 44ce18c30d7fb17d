import { useMutation, useQuery } from "@tanstack/react-query";
import { Eye, Pencil, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type EnvironmentOut,
  secretDelete,
  secretRead,
  secretRestore,
  secretReveal,
  secretVersions,
  type HoldfastFeaturesSecretsApiVersionOut as VersionOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { Entries, Entry } from "@/parts/Entries";
import { ErrorText } from "@/parts/ErrorPanel";
import { Badge, CopyButton, Time } from "@/parts/small";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { toast } from "@/shell/toasts";
import { Asked } from "../../Asked";
import { SecretForm } from "./SecretForm";
import type { Secret } from "./Secrets";

interface Props {
  environment: EnvironmentOut;
  secret: Secret;
  onClose: () => void;
}

/** One secret: its versions, the value of each when it is asked for, and what can be done with it. */
export function SecretSheet({ environment, secret: given, onClose }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const [asks, setAsks] = useState<"replace" | "delete" | null>(null);
  const path = { environment_id: environment.id, name: given.name };
  const { data: secret = given } = useQuery({
    queryKey: ["secrets", environment.id, given.name],
    queryFn: () => data(secretRead({ path })),
    enabled: !given.deleted_at,
    initialData: given,
  });
  const versions = useQuery({
    queryKey: ["secrets", environment.id, given.name, "versions"],
    queryFn: async () => (await data(secretVersions({ path }))).items,
    enabled: !given.deleted_at, // the versions of a deleted one are told to nobody
  });
  const back = useMutation({
    mutationFn: () => data(secretRestore({ path, body: { version: given.version } })),
    networkMode: "always",
    onSuccess: async () => {
      toast.good(t("secrets:restored", { n: given.version }));
      onClose();
      await queries.invalidateQueries({ queryKey: ["secrets"] });
    },
  });
  const able = can("secret.write");
  const deleted = Boolean(secret.deleted_at);
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={secret.name}
      lead={
        deleted ? t("secrets:deletedLead") : t("secrets:oneLead", { environment: environment.name, n: secret.version })
      }
      foot={
        able &&
        (deleted ? (
          <Button look="primary" icon={<RotateCcw />} busy={back.isPending} onClick={() => back.mutate()}>
            {t("secrets:restore")}
          </Button>
        ) : (
          <>
            <Button icon={<Trash2 />} onClick={() => setAsks("delete")}>
              {t("secrets:delete")}
            </Button>
            <Button look="primary" icon={<Pencil />} onClick={() => setAsks("replace")}>
              {t("secrets:replace")}
            </Button>
          </>
        ))
      }
    >
      {!deleted && (
        <>
          <h3 className="font-semibold text-sm">{t("secrets:versions")}</h3>
          <Asked of={versions}>
            {(found) => (
              <Entries label={t("secrets:versions")}>
                {found.map((each) => (
                  <Version key={each.version} {...{ secret, each, able, path }} />
                ))}
              </Entries>
            )}
          </Asked>
        </>
      )}
      {asks === "replace" && <SecretForm environment={environment} secret={secret} onClose={() => setAsks(null)} />}
      <Confirm
        open={asks === "delete"}
        onOpenChange={() => setAsks(null)}
        danger
        title={t("secrets:deleteTitle", { name: secret.name })}
        lead={t("secrets:deleteLead")}
        verb={t("secrets:delete")}
        name={secret.name}
        act={async () => {
          await data(secretDelete({ path, body: { confirm: secret.name } }));
          onClose();
          await queries.invalidateQueries({ queryKey: ["secrets"] });
        }}
      />
    </Dialog>
  );
}

interface VersionProps {
  secret: Secret;
  each: VersionOut;
  able: boolean;
  path: { environment_id: string; name: string };
}

function Version({ secret, each, able, path }: VersionProps) {
  const { t } = useTranslation();
  const can = useCan();
  const newest = each.version === secret.version;
  const reveal = useMutation({
    mutationFn: () => data(secretReveal({ path, body: { version: each.version } })),
    networkMode: "always",
    gcTime: 0, // the value is gone with the sheet
    meta: { quiet: true },
  });
  const restore = useMutation({
    mutationFn: () => data(secretRestore({ path, body: { version: each.version } })),
    networkMode: "always",
    onSuccess: async () => {
      toast.good(t("secrets:restored", { n: each.version }));
      await queries.invalidateQueries({ queryKey: ["secrets"] });
    },
  });
  const name = t("secrets:nth", { n: each.version });
  return (
    <Entry
      title={name}
      state={
        <>
          {newest && <Badge tone="good">{t("secrets:newest")}</Badge>}
          {each.restored_from && <Badge>{t("secrets:from", { n: each.restored_from })}</Badge>}
        </>
      }
      lead={<Time at={each.created_at} />}
    >
      {can("secret.reveal") && !reveal.data && (
        <Button
          size="small"
          icon={<Eye />}
          busy={reveal.isPending}
          aria-label={t("secrets:revealOf", { name })}
          onClick={() => reveal.mutate()}
        >
          {t("secrets:reveal")}
        </Button>
      )}
      {able && !newest && (
        <Button
          size="small"
          icon={<RotateCcw />}
          busy={restore.isPending}
          aria-label={t("secrets:restoreOf", { name })}
          onClick={() => restore.mutate()}
        >
          {t("secrets:restore")}
        </Button>
      )}
      {reveal.error && <ErrorText error={asError(reveal.error)} />}
      {reveal.data && (
        <div className="flex basis-full items-start gap-1">
          <code className="max-h-60 min-w-0 flex-1 overflow-y-auto whitespace-pre-wrap break-all rounded-md bg-sunken px-2 py-1.5 font-mono text-xs">
            {reveal.data.value}
          </code>
          <CopyButton text={reveal.data.value} label={t("shell:copy")} />
        </div>
      )}
    </Entry>
  );
}

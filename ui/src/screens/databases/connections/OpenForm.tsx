import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type ExposureOut, exposureOpen } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { useScope } from "@/shell/scope";
import type { TabProps } from "../tabs";

interface Props extends TabProps {
  door: ExposureOut | null;
  onClose: () => void;
  onDone: () => Promise<void>;
}

const listed = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** Whom to let in, where to listen and with which certificate; in production the name is typed. */
export function OpenForm({ database, door, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const { environments } = useScope();
  const isProduction = environments.find(({ id }) => id === database.environment_id)?.kind === "production";
  const [allow, setAllow] = useState(door?.allow.join("\n") ?? "");
  const [names, setNames] = useState(door?.names.join(", ") ?? location.hostname);
  const [port, setPort] = useState(String(door?.port ?? ""));
  const [certificate, setCertificate] = useState("");
  const [key, setKey] = useState("");
  const [confirm, setConfirm] = useState("");
  const open = useMutation({
    mutationFn: () =>
      data(
        exposureOpen({
          path: { database_id: database.id },
          body: {
            allow: listed(allow),
            names: listed(names),
            port: Number(port) || 0,
            confirm,
            ...(door && { host: door.host }),
            ...(certificate.trim() && { certificate, key }),
          },
        }),
      ),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: onDone,
  });
  const error = open.error ? asError(open.error) : null;
  const at = error?.fields ?? {};
  const able = listed(allow).length > 0 && (!isProduction || confirm === database.name);
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(next) => !next && onClose()}
      title={t(door ? "connections:changeDoor" : "connections:openDoor")}
      lead={t("connections:openLead")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" disabled={!able} busy={open.isPending} onClick={() => open.mutate()}>
            {t(door ? "shell:save" : "connections:openDoor")}
          </Button>
        </>
      }
    >
      <div className="grid gap-4">
        <Field label={t("connections:allow")} hint={t("connections:allowHint")} error={at.allow}>
          {(given) => (
            <Area
              {...given}
              autoFocus
              spellCheck={false}
              className="font-mono"
              value={allow}
              placeholder={"10.0.0.0/8\n192.0.2.7"}
              onChange={(event) => setAllow(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("connections:names")} hint={t("connections:namesHint")} error={at.names}>
          {(given) => (
            <Input {...given} spellCheck={false} value={names} onChange={(event) => setNames(event.target.value)} />
          )}
        </Field>
        <Field label={t("connections:port")} hint={t("connections:portHint")} error={at.port}>
          {(given) => (
            <Input {...given} inputMode="numeric" value={port} onChange={(event) => setPort(event.target.value)} />
          )}
        </Field>
        <details className="border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("connections:ownCert")}</summary>
          <div className="mt-3 grid gap-4">
            {(
              [
                ["certificate", certificate, setCertificate],
                ["key", key, setKey],
              ] as const
            ).map(([name, value, set]) => (
              <Field key={name} label={t(`connections:${name}Pem`)} error={at[name]}>
                {(given) => (
                  <Area
                    {...given}
                    spellCheck={false}
                    autoComplete="off"
                    className="font-mono text-xs"
                    value={value}
                    onChange={(event) => set(event.target.value)}
                  />
                )}
              </Field>
            ))}
          </div>
        </details>
        {isProduction && (
          <Field label={t("shell:typeName", { name: database.name })}>
            {(given) => (
              <Input
                {...given}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                value={confirm}
                onChange={(event) => setConfirm(event.target.value)}
              />
            )}
          </Field>
        )}
        {error && Object.keys(at).length === 0 && <ErrorText error={error} />}
      </div>
    </Dialog>
  );
}

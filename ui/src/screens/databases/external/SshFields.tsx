import { useMutation } from "@tanstack/react-query";
import { Fingerprint } from "lucide-react";
import { useTranslation } from "react-i18next";
import { databaseHostKey } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorText } from "@/parts/ErrorPanel";
import { Field, Input } from "@/parts/Field";
import { asError, data } from "@/shell/api";
import { Pem, type TargetProps } from "./TargetFields";
import type { TargetDraft } from "./target";

/** A tunnel through an SSH server. Its key is shown, compared by a person, and pinned: another one is refused later. */
export function SshFields({ draft, set, wrong, environment }: TargetProps & { environment: string }) {
  const { t } = useTranslation();
  const ask = useMutation({
    mutationFn: () =>
      data(
        databaseHostKey({
          body: { environment_id: environment, host: draft.sshHost.trim(), port: Number(draft.sshPort) || 22 },
        }),
      ),
    meta: { quiet: true },
  });
  const found = ask.data;
  // Another server has another key: what was confirmed for the one before counts no more.
  const move = (patch: Partial<TargetDraft>) => {
    ask.reset();
    set({ ...patch, hostKey: "" });
  };
  return (
    <fieldset className="grid gap-4 border-t pt-3">
      <label className="flex items-start gap-2">
        <input
          type="checkbox"
          className="mt-0.5 size-4 accent-accent"
          checked={draft.tunnels}
          onChange={(event) => set({ tunnels: event.target.checked })}
        />
        <span>
          <span className="block font-medium text-xs">{t("external:tunnel")}</span>
          <span className="text-muted text-xs">{t("external:tunnelLead")}</span>
        </span>
      </label>
      {draft.tunnels && (
        <>
          <div className="grid grid-cols-[1fr_96px] items-start gap-3">
            <Field label={t("external:sshHost")} error={wrong["ssh.host"]}>
              {(given) => (
                <Input
                  {...given}
                  spellCheck={false}
                  value={draft.sshHost}
                  onChange={(e) => move({ sshHost: e.target.value })}
                />
              )}
            </Field>
            <Field label={t("external:port")} error={wrong["ssh.port"]}>
              {(given) => (
                <Input
                  {...given}
                  inputMode="numeric"
                  value={draft.sshPort}
                  onChange={(e) => move({ sshPort: e.target.value })}
                />
              )}
            </Field>
          </div>
          <Field label={t("external:sshUser")} error={wrong["ssh.user"]}>
            {(given) => (
              <Input
                {...given}
                spellCheck={false}
                autoComplete="off"
                value={draft.sshUser}
                onChange={(e) => set({ sshUser: e.target.value })}
              />
            )}
          </Field>
          <Pem
            label={t("external:sshKey")}
            error={wrong["ssh.key"]}
            value={draft.sshKey}
            set={(sshKey) => set({ sshKey })}
          />
          <Field label={t("external:sshPassword")} hint={t("external:sshPasswordHint")} error={wrong["ssh.password"]}>
            {(given) => (
              <Input
                {...given}
                type="password"
                autoComplete="new-password"
                value={draft.sshPassword}
                onChange={(e) => set({ sshPassword: e.target.value })}
              />
            )}
          </Field>
          <div className="grid gap-2">
            <div>
              <Button
                icon={<Fingerprint />}
                busy={ask.isPending}
                disabled={!draft.sshHost.trim()}
                onClick={() => ask.mutate()}
              >
                {t("external:askHostKey")}
              </Button>
            </div>
            {ask.error && <ErrorText error={asError(ask.error)} />}
            {found && (
              <label className="flex items-start gap-2 rounded-md border bg-sunken p-3">
                <input
                  type="checkbox"
                  className="mt-0.5 size-4 accent-accent"
                  checked={draft.hostKey === found.host_key}
                  onChange={(event) => set({ hostKey: event.target.checked ? found.host_key : "" })}
                />
                <span className="min-w-0">
                  <code className="block break-all font-mono text-xs">{found.fingerprint}</code>
                  <span className="text-muted text-xs">{t("external:hostKeyLead")}</span>
                </span>
              </label>
            )}
          </div>
        </>
      )}
    </fieldset>
  );
}

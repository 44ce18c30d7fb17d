import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { alertChannelCreate, alertChannelUpdate, type ChannelOut, type NewChannelOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorText } from "@/parts/ErrorPanel";
import { Area, Field, Input, Select } from "@/parts/Field";
import { Segments } from "@/parts/Setting";
import { asError, data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useScope } from "@/shell/scope";
import { changesOf, type Draft, draftOf, fresh, type Kind, newChannel } from "./draft";
import { MailFields } from "./MailFields";
import { NewSecret } from "./NewSecret";

const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];
const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

interface Props {
  channel?: ChannelOut;
  onClose: () => void;
  onMade?: (id: string) => void;
}

/** Makes a channel, or changes one. A webhook's secret is shown once, when it was made. */
export function ChannelForm({ channel, onClose, onMade }: Props) {
  const { t } = useTranslation();
  const { projects, project } = useScope();
  const [draft, setDraft] = useState<Draft>(() => (channel ? draftOf(channel) : fresh(project?.id ?? "", here())));
  const [made, setMade] = useState<NewChannelOut | null>(null);
  const [key] = useState(once);
  const set = (patch: Partial<Draft>) => setDraft((before) => ({ ...before, ...patch }));
  const save = useMutation({
    mutationFn: async (): Promise<ChannelOut | NewChannelOut> =>
      channel
        ? data(
            alertChannelUpdate({
              path: { channel_id: channel.id },
              body: changesOf(draft, channel),
              headers: { "If-Match": `"v${channel.version}"` },
            }),
          )
        : data(alertChannelCreate({ body: newChannel(draft), headers: key })),
    networkMode: "always",
    meta: { quiet: true },
    onSuccess: (saved) => {
      void queries.invalidateQueries({ queryKey: ["alert_channels"] });
      if ("secret" in saved && saved.secret) return setMade(saved);
      onClose();
      onMade?.(saved.id);
    },
  });
  const error = save.error ? asError(save.error) : null;
  if (made?.secret)
    return (
      <NewSecret
        secret={made.secret}
        onClose={() => {
          onClose();
          onMade?.(made.id);
        }}
      />
    );
  return (
    <Dialog
      as="sheet"
      open
      onOpenChange={onClose}
      title={channel ? t("alerts:editChannel", { name: channel.name }) : t("alerts:newChannel")}
      foot={
        <>
          <Button onClick={onClose}>{t("shell:cancel")}</Button>
          <Button look="primary" busy={save.isPending} onClick={() => save.mutate()}>
            {t(channel ? "shell:save" : "alerts:createChannel")}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {!channel && (
          <div>
            <Segments
              label={t("alerts:kind")}
              value={draft.kind}
              onChange={(kind) => set({ kind: kind as Kind })}
              options={(["webhook", "email"] as const).map((value) => ({ value, label: t(`alerts:kinds.${value}`) }))}
            />
          </div>
        )}
        <Field label={t("alerts:name")} error={error?.fields.name ?? null}>
          {(given) => (
            <Input
              {...given}
              required
              maxLength={63}
              value={draft.name}
              onChange={(e) => set({ name: e.target.value })}
            />
          )}
        </Field>
        {!channel && (
          <Field label={t("alerts:where")} hint={t("alerts:whereHint")}>
            {(given) => (
              <Select {...given} value={draft.project} onChange={(e) => set({ project: e.target.value })}>
                {projects.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
                <option value="">{t("alerts:wholeServer")}</option>
              </Select>
            )}
          </Field>
        )}
        {draft.kind === "email" ? (
          <MailFields draft={draft} set={set} kept={Boolean(channel)} fields={error?.fields ?? {}} />
        ) : (
          <HookFields draft={draft} set={set} channel={channel} fields={error?.fields ?? {}} />
        )}
        <div className="grid grid-cols-2 items-start gap-3 border-t pt-4 *:min-w-0">
          <Field label={t("alerts:digestAt")} hint={t("alerts:digestHint")}>
            {(given) => (
              <Input {...given} type="time" value={draft.digest} onChange={(e) => set({ digest: e.target.value })} />
            )}
          </Field>
          <Field label={t("alerts:zone")}>
            {(given) => (
              <Select {...given} value={draft.zone} onChange={(e) => set({ zone: e.target.value })}>
                {[...new Set([draft.zone, ...ZONES])].map((zone) => (
                  <option key={zone}>{zone}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("alerts:gather")} hint={t("alerts:gatherHint")}>
            {(given) => (
              <Input
                {...given}
                type="number"
                min={0}
                max={3600}
                value={draft.gather}
                onChange={(e) => set({ gather: e.target.value })}
              />
            )}
          </Field>
        </div>
        <details className="border-t pt-3">
          <summary className="font-medium text-muted text-xs hover:text-text">{t("alerts:ownCa")}</summary>
          <div className="mt-3">
            <Field label={t("alerts:ca")} hint={t("alerts:caHint")}>
              {(given) => (
                <Area
                  {...given}
                  className="font-mono text-xs"
                  spellCheck={false}
                  value={draft.ca}
                  onChange={(e) => set({ ca: e.target.value })}
                />
              )}
            </Field>
          </div>
        </details>
        {error && <ErrorText error={error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}

interface FieldsProps {
  draft: Draft;
  set: (patch: Partial<Draft>) => void;
  channel: ChannelOut | undefined;
  fields: Record<string, string>;
}

function HookFields({ draft, set, channel, fields }: FieldsProps) {
  const { t } = useTranslation();
  const kept = channel?.webhook?.origin;
  return (
    <>
      <Field
        label={t("alerts:url")}
        hint={kept ? t("alerts:urlKept", { origin: kept }) : t("alerts:urlHint")}
        error={fields["webhook.url"] ?? null}
        aside={kept ? t("shell:optional") : undefined}
      >
        {(given) => (
          <Input
            {...given}
            type="url"
            autoComplete="off"
            spellCheck={false}
            placeholder="https://example.org/hooks/holdfast"
            value={draft.url}
            onChange={(e) => set({ url: e.target.value })}
          />
        )}
      </Field>
      {!kept && (
        <Field
          label={t("alerts:secret")}
          hint={t("alerts:secretHint")}
          error={fields["webhook.secret"] ?? null}
          aside={t("shell:optional")}
        >
          {(given) => (
            <Input
              {...given}
              type="password"
              autoComplete="new-password"
              placeholder="whsec_…"
              value={draft.secret}
              onChange={(e) => set({ secret: e.target.value })}
            />
          )}
        </Field>
      )}
    </>
  );
}

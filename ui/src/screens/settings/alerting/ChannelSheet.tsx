import { useMutation, useQuery } from "@tanstack/react-query";
import { Ellipsis, KeyRound, Pause, Pencil, Play, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  alertChannelDelete,
  alertChannelRead,
  alertChannelRotate,
  alertChannelTest,
  alertChannelUpdate,
  type ChannelOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel, ErrorText, sentence } from "@/parts/ErrorPanel";
import { Item, Menu } from "@/parts/Menu";
import { Facts } from "@/parts/Page";
import { Skeleton, Time } from "@/parts/small";
import { moment } from "@/parts/text";
import { A } from "@/shell/address";
import { asError, data } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { Answer } from "../../alerts/AttemptList";
import { attemptsOf } from "../../alerts/attempts";
import { spanText } from "../system/span";
import { ChannelForm } from "./ChannelForm";
import { ChannelState, target } from "./Channels";
import { NewSecret } from "./NewSecret";

const TWO_DAYS = 2 * 24 * 3600;
const again = () => queries.invalidateQueries({ queryKey: ["alert_channels"] });

/** One channel: whether it works, a test with its answer, and what may be done with it. */
export function ChannelSheet({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const can = useCan();
  const [editing, setEditing] = useState(false);
  const {
    data: channel,
    error,
    refetch,
  } = useQuery({
    queryKey: ["alert_channels", "one", id],
    queryFn: () => data(alertChannelRead({ path: { channel_id: id } })),
  });
  if (editing && channel) return <ChannelForm channel={channel} onClose={() => setEditing(false)} />;
  return (
    <Dialog
      as="sheet"
      open
      onOpenChange={onClose}
      title={channel?.name ?? t("alerts:channel")}
      foot={
        channel &&
        can("alert.channel.manage") &&
        channel.origin !== "environment" && <Verbs channel={channel} onEdit={() => setEditing(true)} onGone={onClose} />
      }
    >
      {error && !channel ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : channel ? (
        <Body channel={channel} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Dialog>
  );
}

function Body({ channel }: { channel: ChannelOut }) {
  const { t } = useTranslation();
  const can = useCan();
  const { trouble, email, webhook } = channel;
  return (
    <div className="grid gap-5">
      {trouble && (
        <div className="rounded-md bg-bad-soft px-3 py-2">
          <p className="text-bad [overflow-wrap:anywhere]">{sentence(String(trouble.error ?? t("alerts:failing")))}</p>
          {trouble.hint ? <p className="text-sm [overflow-wrap:anywhere]">{String(trouble.hint)}</p> : null}
          <p className="text-muted text-xs">
            {t("alerts:since")} <Time at={String(trouble.since ?? "")} />
          </p>
        </div>
      )}
      {channel.origin === "environment" && (
        <p className="rounded-md bg-hover px-3 py-2 text-sm">{t("alerts:fromEnvironment")}</p>
      )}
      <Facts
        narrow
        facts={[
          [t("alerts:state"), <ChannelState key="state" of={channel} />],
          [t("alerts:kind"), t(`alerts:kinds.${channel.kind}`, { defaultValue: channel.kind })],
          [t("alerts:target"), target(channel), "wide"],
          ...(email
            ? [
                [t("alerts:host"), `${email.host}:${email.port}`] as const,
                [t("alerts:security"), t(`alerts:securities.${email.security}`)] as const,
                [t("alerts:sender"), email.sender] as const,
              ]
            : []),
          ...(webhook ? [[t("alerts:secrets"), String(webhook.secrets.length)] as const] : []),
          [t("alerts:digestAt"), channel.digest_at ? `${channel.digest_at} ${channel.tz}` : t("alerts:noDigest")],
          ...(channel.next_digest_at ? [[t("alerts:nextDigest"), moment(channel.next_digest_at)] as const] : []),
          [t("alerts:gatherShort"), spanText(channel.gather_seconds)],
          [t("alerts:lastSent"), <Time key="sent" at={channel.last_sent_at} />],
        ]}
      />
      {can("alert.channel.manage") && <Test id={channel.id} />}
      <A
        to="/alerts"
        search={{ tab: "deliveries", channel: channel.id }}
        className="text-accent-text text-sm hover:underline"
      >
        {t("alerts:itsDeliveries")}
      </A>
    </div>
  );
}

/** Sends one message now and shows what was answered to it. */
function Test({ id }: { id: string }) {
  const { t } = useTranslation();
  const test = useMutation({
    mutationFn: () => data(alertChannelTest({ path: { channel_id: id } })),
    networkMode: "always",
    meta: { quiet: true },
    onSettled: () => {
      void again();
      void queries.invalidateQueries({ queryKey: ["alert_deliveries"] });
    },
  });
  const last = test.data && attemptsOf(test.data.log).at(-1);
  return (
    <section className="grid gap-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0 flex-1 text-muted text-sm">{t("alerts:testLead")}</p>
        <Button icon={<Send />} busy={test.isPending} onClick={() => test.mutate()}>
          {t("alerts:test")}
        </Button>
      </div>
      <div role="status">
        {last && !test.isPending && (
          <div className="rounded-md border px-3 py-2">
            <Answer of={last} />
          </div>
        )}
        {test.error && <ErrorText error={asError(test.error)} />}
      </div>
    </section>
  );
}

function Verbs({ channel, onEdit, onGone }: { channel: ChannelOut; onEdit: () => void; onGone: () => void }) {
  const { t } = useTranslation();
  const [deleting, setDeleting] = useState(false);
  const [rotating, setRotating] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const path = { channel_id: channel.id };
  const toggle = useMutation({
    mutationFn: () =>
      data(
        alertChannelUpdate({
          path,
          body: { enabled: !channel.enabled },
          headers: { "If-Match": `"v${channel.version}"` },
        }),
      ),
    onSuccess: again,
  });
  return (
    <>
      <Menu align="end" trigger={<Button size="icon" aria-label={t("shell:more")} icon={<Ellipsis />} />}>
        <Item icon={channel.enabled ? <Pause /> : <Play />} onSelect={() => toggle.mutate()}>
          {t(channel.enabled ? "alerts:switchOff" : "alerts:switchOn")}
        </Item>
        {channel.webhook && (
          <Item icon={<KeyRound />} onSelect={() => setRotating(true)}>
            {t("alerts:rotate")}
          </Item>
        )}
        <Item icon={<Trash2 />} danger onSelect={() => setDeleting(true)}>
          {t("alerts:deleteChannel")}
        </Item>
      </Menu>
      <Button icon={<Pencil />} onClick={onEdit}>
        {t("alerts:edit")}
      </Button>
      <Confirm
        open={rotating}
        onOpenChange={setRotating}
        title={t("alerts:rotate")}
        lead={t("alerts:rotateLead")}
        verb={t("alerts:rotateVerb")}
        act={async () => {
          const made = await data(alertChannelRotate({ path, body: { overlap_seconds: TWO_DAYS } }));
          setSecret(made.secret);
          await again();
        }}
      />
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        danger
        title={t("alerts:deleteChannelTitle", { name: channel.name })}
        lead={t("alerts:deleteChannelLead")}
        verb={t("alerts:deleteChannel")}
        name={channel.name}
        act={async () => {
          await data(alertChannelDelete({ path, body: { confirm: channel.name } }));
          await again();
          onGone();
        }}
      />
      {secret && <NewSecret secret={secret} onClose={() => setSecret(null)} />}
    </>
  );
}

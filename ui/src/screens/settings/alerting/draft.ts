import type { ChannelInWritable as ChannelIn, ChannelOut, ChannelPatchWritable as ChannelPatch } from "@/api";

export type Kind = ChannelIn["kind"];
type Security = NonNullable<NonNullable<ChannelIn["email"]>["security"]>;

/** A channel as its form has it. Secrets are empty until they are typed: what is kept never comes back. */
export interface Draft {
  kind: Kind;
  name: string;
  /** "" is the whole server. */
  project: string;
  digest: string;
  zone: string;
  gather: string;
  host: string;
  port: string;
  security: Security;
  username: string;
  password: string;
  sender: string;
  senderName: string;
  to: string;
  url: string;
  secret: string;
  ca: string;
}

const SECURITIES: readonly Security[] = ["starttls", "tls", "none"];

export { SECURITIES };

export function fresh(project: string, zone: string): Draft {
  return {
    kind: "webhook",
    name: "",
    project,
    digest: "08:00",
    zone,
    gather: "60",
    host: "",
    port: "",
    security: "starttls",
    username: "",
    password: "",
    sender: "",
    senderName: "",
    to: "",
    url: "",
    secret: "",
    ca: "",
  };
}

export function draftOf(channel: ChannelOut): Draft {
  const mail = channel.email;
  return {
    ...fresh(channel.project_id ?? "", channel.tz),
    kind: channel.kind === "email" ? "email" : "webhook",
    name: channel.name,
    digest: channel.digest_at,
    gather: String(channel.gather_seconds),
    host: mail?.host ?? "",
    port: mail ? String(mail.port) : "",
    security: SECURITIES.find((each) => each === mail?.security) ?? "starttls",
    username: mail?.username ?? "",
    sender: mail?.sender ?? "",
    senderName: mail?.sender_name ?? "",
    to: mail?.to.join(", ") ?? "",
  };
}

export function addresses(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean);
}

function mailOf(draft: Draft) {
  return {
    host: draft.host.trim(),
    ...(draft.port && { port: Number(draft.port) }),
    security: draft.security,
    sender: draft.sender.trim(),
    to: addresses(draft.to),
    ...(draft.username && { username: draft.username }),
    ...(draft.senderName && { sender_name: draft.senderName }),
    ...(draft.password && { password: draft.password }),
    ...(draft.ca && { ca: draft.ca }),
  };
}

const shared = (draft: Draft) => ({
  name: draft.name.trim(),
  digest_at: draft.digest,
  tz: draft.zone,
  gather_seconds: Number(draft.gather),
});

export function newChannel(draft: Draft): ChannelIn {
  const same = { ...shared(draft), project_id: draft.project || null, kind: draft.kind };
  if (draft.kind === "email") return { ...same, email: mailOf(draft) };
  const hook = {
    url: draft.url.trim(),
    ...(draft.secret && { secret: draft.secret }),
    ...(draft.ca && { ca: draft.ca }),
  };
  return { ...same, webhook: hook };
}

/** Only what differs from what is kept: another mail server asks for the password again, and an untouched one must not. */
export function changesOf(draft: Draft, channel: ChannelOut): ChannelPatch {
  const before = draftOf(channel);
  const [was, is] = [shared(before), shared(draft)];
  const body: ChannelPatch = Object.fromEntries(
    Object.entries(is).filter(([name, value]) => value !== was[name as keyof typeof was]),
  );
  if (channel.kind === "email") {
    const [old, now] = [mailOf(before), mailOf(draft)];
    const email = Object.fromEntries(
      Object.entries(now).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name as keyof typeof old]),
      ),
    );
    return Object.keys(email).length > 0 ? { ...body, email } : body;
  }
  if (!draft.url && !draft.ca) return body;
  return { ...body, webhook: { ...(draft.url && { url: draft.url.trim() }), ...(draft.ca && { ca: draft.ca }) } };
}

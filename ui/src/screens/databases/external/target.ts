import type { EngineOut, TargetInWritable } from "@/api";

/** Where somebody else's database is, as the form holds it. Nothing of it is kept in the browser. */
export interface TargetDraft {
  how: "fields" | "url";
  url: string;
  host: string;
  port: string;
  database: string;
  user: string;
  password: string;
  readerUser: string;
  readerPassword: string;
  path: string;
  tls: string;
  ca: string;
  certificate: string;
  key: string;
  tunnels: boolean;
  sshHost: string;
  sshPort: string;
  sshUser: string;
  sshKey: string;
  sshPassword: string;
  /** The key a person has compared and confirmed. */
  hostKey: string;
}

export const EMPTY: TargetDraft = {
  how: "fields",
  url: "",
  host: "",
  port: "",
  database: "",
  user: "",
  password: "",
  readerUser: "",
  readerPassword: "",
  path: "",
  tls: "",
  ca: "",
  certificate: "",
  key: "",
  tunnels: false,
  sshHost: "",
  sshPort: "22",
  sshUser: "",
  sshKey: "",
  sshPassword: "",
  hostKey: "",
};

/** What registering one of this engine asks for. */
export interface Traits {
  files: boolean;
  default_port: number | null;
  default_database: string | null;
  default_user: string | null;
  only_database: string | null;
  reader_role: boolean;
}

export function traitsOf(engine: EngineOut | undefined): Traits | null {
  return (engine?.external as Traits | null | undefined) ?? null;
}

/** Only what was filled in, so that the server's defaults hold. */
export function targetOf(draft: TargetDraft, traits: Traits): TargetInWritable {
  if (traits.files) return { path: draft.path.trim() };
  const some = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value.trim() !== ""));
  const place =
    draft.how === "url"
      ? { url: draft.url.trim() }
      : {
          ...some({
            host: draft.host.trim(),
            user: draft.user.trim(),
            password: draft.password,
            ...(traits.only_database ? {} : { database: draft.database.trim() }),
          }),
          ...(draft.port.trim() && { port: Number(draft.port) }),
        };
  return {
    ...place,
    ...some({ reader_user: draft.readerUser.trim(), reader_password: draft.readerPassword }),
    ...some({ tls: draft.tls, ca: draft.ca, certificate: draft.certificate, key: draft.key }),
    ...(draft.tunnels && {
      ssh: {
        host: draft.sshHost.trim(),
        port: Number(draft.sshPort) || 22,
        user: draft.sshUser.trim(),
        ...some({ host_key: draft.hostKey, key: draft.sshKey, password: draft.sshPassword }),
      },
    }),
  } as TargetInWritable;
}

/** Enough is filled in to try it. */
export function isFilled(draft: TargetDraft, traits: Traits): boolean {
  if (traits.files) return draft.path.trim() !== "";
  const reached = draft.how === "url" ? draft.url.trim() !== "" : draft.host.trim() !== "";
  const tunnelled =
    !draft.tunnels || (draft.sshHost.trim() !== "" && draft.sshUser.trim() !== "" && draft.hostKey !== "");
  return reached && tunnelled;
}

import type { FileKeyInWritable } from "@/api";

export type Kind = FileKeyInWritable["kind"];
export interface KeyField {
  name: string;
  secret?: boolean;
  optional?: boolean;
  /** Several lines. */
  long?: boolean;
}

const VAULT: readonly KeyField[] = [
  { name: "address" },
  { name: "namespace", optional: true },
  { name: "mount", optional: true },
];
const VAULT_LOGIN: readonly KeyField[] = [
  { name: "token", secret: true, optional: true },
  { name: "role_id", optional: true },
  { name: "secret_id", secret: true, optional: true },
  { name: "ca", optional: true, long: true },
];

/** What each kind is asked for; the names are the API's. */
export const KINDS: Record<Kind, readonly KeyField[]> = {
  age: [{ name: "recipients", long: true }],
  "age-identity": [{ name: "material", secret: true, optional: true }],
  passphrase: [{ name: "material", secret: true, optional: true }],
  gpg: [{ name: "public_key", long: true }],
  "vault-kv": [...VAULT, { name: "path" }, { name: "field", optional: true }, ...VAULT_LOGIN],
  "vault-transit": [...VAULT, { name: "key" }, ...VAULT_LOGIN],
  "aws-kms": [
    { name: "region" },
    { name: "key_id" },
    { name: "access_key_id", secret: true },
    { name: "secret_access_key", secret: true },
    { name: "session_token", secret: true, optional: true },
    { name: "endpoint", optional: true },
    { name: "ca", optional: true, long: true },
  ],
  "gcp-kms": [
    { name: "key" },
    { name: "service_account_key", secret: true, long: true },
    { name: "endpoint", optional: true },
    { name: "ca", optional: true, long: true },
  ],
};

const SERVICES: Partial<Record<Kind, "vault" | "aws" | "gcp">> = {
  "vault-kv": "vault",
  "vault-transit": "vault",
  "aws-kms": "aws",
  "gcp-kms": "gcp",
};

export const serviceOf = (kind: string) => SERVICES[kind as Kind];

/** The secrets with which a service is asked: those of its fields that are hidden. */
export const loginOf = (kind: string) =>
  serviceOf(kind)
    ? KINDS[kind as Kind].filter(({ secret }) => secret).map((field) => ({ ...field, optional: true }))
    : [];

/** Without what was left empty; a service's fields in the part of its name, recipients as lines. */
export function bodyOf(kind: Kind, given: Readonly<Record<string, string>>): Partial<FileKeyInWritable> {
  const said = KINDS[kind]
    .map(({ name }) => [name, (given[name] ?? "").trim()] as const)
    .filter(([, value]) => value !== "");
  const service = serviceOf(kind);
  if (service) return { [service]: Object.fromEntries(said) };
  return Object.fromEntries(
    said.map(([name, value]) =>
      name === "recipients"
        ? [
            name,
            value
              .split("\n")
              .map((line) => line.trim())
              .filter(Boolean),
          ]
        : [name, value],
    ),
  );
}

import type { RepositoryInWritable, RepositoryOut } from "@/api";

export type Kind = NonNullable<RepositoryInWritable["kind"]>;
export interface StoreField {
  name: string;
  /** Typed hidden, and never shown again. */
  secret?: boolean;
  optional?: boolean;
  /** Several lines: a key file. */
  long?: boolean;
  number?: boolean;
}

/** What each kind of store is asked for; the names are the API's. */
export const STORES: Record<Kind, readonly StoreField[]> = {
  local: [{ name: "path", optional: true }],
  s3: [
    { name: "endpoint" },
    { name: "bucket" },
    { name: "region", optional: true },
    { name: "prefix", optional: true },
    { name: "access_key_id", secret: true },
    { name: "secret_access_key", secret: true },
  ],
  gcs: [
    { name: "bucket" },
    { name: "prefix", optional: true },
    { name: "service_account_key", secret: true, long: true },
  ],
  azure: [
    { name: "account" },
    { name: "container" },
    { name: "prefix", optional: true },
    { name: "account_key", secret: true },
  ],
  sftp: [
    { name: "host" },
    { name: "port", optional: true, number: true },
    { name: "user" },
    { name: "path" },
    { name: "host_key", optional: true },
    { name: "private_key", secret: true, long: true, optional: true },
    { name: "login_password", secret: true, optional: true },
  ],
};
export const KINDS = Object.keys(STORES) as Kind[];

/** The part of the body a kind needs, without what was left empty. */
export function placeOf(kind: Kind, given: Readonly<Record<string, string>>): Partial<RepositoryInWritable> {
  const said = STORES[kind]
    .filter(({ name }) => given[name]?.trim())
    .map(({ name, number }) => [name, number ? Number(given[name]) : (given[name] ?? "").trim()] as const);
  const place = Object.fromEntries(said);
  return (kind === "local" ? { kind, ...place } : { kind, [kind]: place }) as Partial<RepositoryInWritable>;
}

/** Where it lies, in one line. */
export function whereOf(row: RepositoryOut): string {
  if (row.s3) return `${row.s3.endpoint}/${row.s3.bucket}/${row.s3.prefix}`;
  if (row.gcs) return `${row.gcs.bucket}/${row.gcs.prefix}`;
  if (row.azure) return `${row.azure.account}/${row.azure.container}/${row.azure.prefix}`;
  if (row.sftp) return `${row.sftp.user}@${row.sftp.host}:${row.sftp.path}`;
  return row.path;
}

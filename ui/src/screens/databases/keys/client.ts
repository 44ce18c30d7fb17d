import {
  databaseKeyDelete,
  databaseKeyPut,
  databaseKeyRead,
  databaseKeyUpdate,
  type HoldfastFeaturesValuesWireKeyOut as KeyOut,
  type KeyPutIn,
  type ValueOut,
} from "@/api";
import { data } from "@/shell/api";
import { queries } from "@/shell/query";
import type { KeyName } from "./names";
import { nameFrom } from "./names";

export type { KeyOut };

/** Where a key is: in which server, in which of its databases. */
export interface Place {
  id: string;
  database: number;
}

const PART = 1000;
const MOST_ELEMENTS = 10_000;
const MOST_BYTES = 512 * 1024;

/** Not the plural of a noun: signals of other databases must not scan a server again. */
export const keysKey = ({ id, database }: Place) => ["keyspace", id, database] as const;

export function readAgain(place: Place): Promise<void> {
  return queries.invalidateQueries({ queryKey: keysKey(place) });
}

export function readPart({ id, database }: Place, name: KeyName, cursor: string | undefined): Promise<ValueOut> {
  return data(
    databaseKeyRead({ path: { database_id: id }, body: { name, database, limit: 200, ...(cursor && { cursor }) } }),
  );
}

const ifSame = (digest: string | null) => (digest ? { headers: { "If-Match": `"${digest}"` } } : {});

type Edit = { put?: unknown[]; remove?: unknown[] } | { expires_at: string | null } | { rename_to: KeyName };

/** Without a digest whatever it is now is changed. */
export function change({ id, database }: Place, name: KeyName, edit: Edit, digest: string | null) {
  return data(databaseKeyUpdate({ path: { database_id: id }, body: { name, database, ...edit }, ...ifSame(digest) }));
}

export function write({ id, database }: Place, body: Omit<KeyPutIn, "database">) {
  return data(databaseKeyPut({ path: { database_id: id }, body: { ...body, database } }));
}

export function remove({ id, database }: Place, name: KeyName, digest: string | null) {
  return data(databaseKeyDelete({ path: { database_id: id }, body: { name, database }, ...ifSame(digest) }));
}

/** The whole value as it would be written again; null when it is too large to be kept in a page. */
export async function whole(place: Place, key: KeyOut): Promise<Omit<KeyPutIn, "database"> | null> {
  const { type, size, memory } = key;
  if ((memory ?? size ?? 0) > MOST_BYTES || (type !== "string" && (size ?? 0) > MOST_ELEMENTS)) return null;
  const name = nameFrom(key.name);
  const elements: unknown[] = [];
  let cursor: string | null = null;
  let expires: string | null = null;
  do {
    const part: ValueOut = await data(
      databaseKeyRead({
        path: { database_id: place.id },
        body: { name, database: place.database, limit: PART, ...(cursor && { cursor }) },
      }),
    );
    elements.push(...part.elements);
    expires = part.expires_at;
    cursor = part.next_cursor;
  } while (cursor && elements.length <= MOST_ELEMENTS);
  if (cursor || (type === "string" && elements.length > 1)) return null;
  return { name, type: type as KeyPutIn["type"], elements, expires_at: expires, create: true };
}

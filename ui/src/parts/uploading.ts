import { type UploadOut, uploadComplete, uploadCreate, uploadRead, uploadWrite } from "@/api";
import { asError, data, once } from "@/shell/api";

export const PART_BYTES = 4 << 20;
const TRIES = 5;
const FIRST_WAIT_MS = 500;

/** What sending a file needs of the API. */
export interface Line {
  announce: (file: { name: string; size: number }) => Promise<UploadOut>;
  read: (id: string) => Promise<UploadOut>;
  write: (id: string, part: Blob, range: string, signal: AbortSignal) => Promise<UploadOut>;
  complete: (id: string) => Promise<UploadOut>;
}

/** Uploads of a database. */
export function lineTo(database: string): Line {
  return {
    announce: (body) => data(uploadCreate({ path: { database_id: database }, body, headers: once() })),
    read: (id) => data(uploadRead({ path: { upload_id: id } })),
    write: (id, body, range, signal) =>
      data(uploadWrite({ path: { upload_id: id }, body, headers: { "content-range": range }, signal })),
    complete: (id) => data(uploadComplete({ path: { upload_id: id } })),
  };
}

interface Wish {
  /** Goes on with this one: of the same name and size. */
  from?: UploadOut | null;
  /** Bytes that are there. */
  seen: (received: number) => void;
  signal: AbortSignal;
  wait?: (ms: number) => Promise<void>;
}

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Whether an upload that broke off is of this file: the same name and size, and not yet whole. */
export function isOf(upload: UploadOut, file: { name: string; size: number }): boolean {
  return upload.state === "open" && upload.name === file.name && upload.size === file.size;
}

/**
 * Sends a file part by part, from where the server has it. A part that broke off is asked for again: the server says
 * how much of it arrived. Ends with the complete upload; throws what cannot be helped by trying again.
 */
export async function sent(file: File, line: Line, { from, seen, signal, wait = rest }: Wish): Promise<UploadOut> {
  let upload = from ?? (await line.announce({ name: file.name, size: file.size }));
  let failures = 0;
  seen(upload.received);
  while (upload.received < file.size) {
    signal.throwIfAborted();
    const first = upload.received;
    const last = Math.min(file.size, first + PART_BYTES) - 1;
    try {
      upload = await line.write(upload.id, file.slice(first, last + 1), `bytes ${first}-${last}/${file.size}`, signal);
      failures = 0;
    } catch (thrown) {
      signal.throwIfAborted();
      failures += 1;
      const { retryable, status } = asError(thrown);
      if (failures > TRIES || !(retryable || status === 0 || status === 409)) throw thrown;
      await wait(FIRST_WAIT_MS * 2 ** (failures - 1));
      upload = await line.read(upload.id);
    }
    seen(upload.received);
  }
  return line.complete(upload.id);
}

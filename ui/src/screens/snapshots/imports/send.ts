import type { UploadOut } from "@/api";
import { ApiError } from "@/shell/api";

const PART = 8 * 1024 * 1024;
const TRIES = 4;

export interface Line {
  announce: (file: { name: string; size: number }) => Promise<UploadOut>;
  received: (id: string) => Promise<number>;
  write: (id: string, part: Blob, range: string, signal: AbortSignal) => Promise<UploadOut>;
  complete: (id: string) => Promise<UploadOut>;
}

/** The upload's id once every byte is there. A line that broke goes on where the server says it stood. */
export async function send(
  line: Line,
  file: File,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const { id } = await line.announce({ name: file.name, size: file.size });
  let sent = 0;
  let failures = 0;
  while (sent < file.size) {
    const last = Math.min(sent + PART, file.size);
    try {
      const now = await line.write(id, file.slice(sent, last), `bytes ${sent}-${last - 1}/${file.size}`, signal);
      sent = now.received;
      failures = 0;
    } catch (error) {
      failures += 1;
      const again = error instanceof ApiError && (error.retryable || error.status === 0);
      if (!again || signal.aborted || failures >= TRIES) throw error;
      sent = await line.received(id);
    }
    onProgress(sent);
  }
  await line.complete(id);
  return id;
}

import { expect, test } from "vitest";
import type { UploadOut } from "@/api";
import { ApiError } from "@/shell/api";
import { type Line, send } from "./send";

const MIB = 1024 * 1024;

/** A server that keeps what arrives; `breaks` says after how many bytes of which part the line goes. */
function server(breaks: Record<number, number> = {}) {
  const said: string[] = [];
  let received = 0;
  let part = 0;
  const line: Line = {
    announce: async () => ({ id: "upl_1" }) as UploadOut,
    received: async () => received,
    write: async (_id, body, range) => {
      part += 1;
      said.push(range);
      const kept = breaks[part];
      if (kept !== undefined) {
        received += kept;
        throw new ApiError(0, { code: "offline", message: "gone", retryable: true });
      }
      received += body.size;
      return { received } as UploadOut;
    },
    complete: async () => ({ received }) as UploadOut,
  };
  return { line, said };
}

const file = (size: number) => new File([new Uint8Array(size)], "shop.dump");
const never = new AbortController().signal;

test("a file goes in parts of eight MiB, the last one what is left", async () => {
  const { line, said } = server();
  const told: number[] = [];
  await send(line, file(9 * MIB), (sent) => told.push(sent), never);
  expect(said).toEqual([`bytes 0-${8 * MIB - 1}/${9 * MIB}`, `bytes ${8 * MIB}-${9 * MIB - 1}/${9 * MIB}`]);
  expect(told).toEqual([8 * MIB, 9 * MIB]);
});

test("a line that broke goes on where the server stood", async () => {
  const { line, said } = server({ 1: MIB });
  await send(line, file(2 * MIB), () => {}, never);
  expect(said).toEqual([`bytes 0-${2 * MIB - 1}/${2 * MIB}`, `bytes ${MIB}-${2 * MIB - 1}/${2 * MIB}`]);
});

test("what is refused is not tried again", async () => {
  const { line } = server();
  let asked = 0;
  line.write = async () => {
    asked += 1;
    throw new ApiError(413, { code: "too_large", message: "no" });
  };
  await expect(send(line, file(10), () => {}, never)).rejects.toThrow("no");
  expect(asked).toBe(1);
});

import { expect, test, vi } from "vitest";
import type { UploadOut } from "@/api";
import { ApiError } from "@/shell/api";
import { isOf, type Line, PART_BYTES, sent } from "./uploading";

const SIZE = PART_BYTES + 100;
const file = new File([new Uint8Array(SIZE)], "orders.csv");
const upload = (received: number, state = "open") =>
  ({ id: "upl_1", name: "orders.csv", size: SIZE, received, state }) as UploadOut;
const signal = new AbortController().signal;

function line(over: Partial<Line> = {}): Line & { ranges: string[] } {
  const ranges: string[] = [];
  return {
    ranges,
    announce: async () => upload(0),
    read: async () => upload(0),
    write: async (_id, _part, range) => {
      ranges.push(range);
      return upload(Number(/-(\d+)/.exec(range)?.[1]) + 1);
    },
    complete: async () => upload(SIZE, "complete"),
    ...over,
  };
}

test("a file goes in parts, each from where the last one ended", async () => {
  const one = line();
  const seen: number[] = [];
  expect((await sent(file, one, { seen: (n) => seen.push(n), signal })).state).toBe("complete");
  expect(one.ranges).toEqual([`bytes 0-${PART_BYTES - 1}/${SIZE}`, `bytes ${PART_BYTES}-${SIZE - 1}/${SIZE}`]);
  expect(seen).toEqual([0, PART_BYTES, SIZE]);
});

test("a part that broke off goes on where the server says, after a wait", async () => {
  const wait = vi.fn(async () => {});
  let broke = false;
  const one = line({ read: async () => upload(1000) });
  const write = one.write;
  one.write = async (...given) => {
    if (broke) return write(...given);
    broke = true;
    throw new ApiError(0, { code: "offline", message: "no answer", retryable: true });
  };
  await sent(file, one, { seen: () => {}, signal, wait });
  expect(one.ranges[0]).toMatch(/^bytes 1000-/);
  expect(wait).toHaveBeenCalledTimes(1);
});

test("what trying again does not help is thrown at once", async () => {
  const one = line({
    write: async () => {
      throw new ApiError(413, { code: "too_large", message: "too large" });
    },
  });
  await expect(sent(file, one, { seen: () => {}, signal })).rejects.toMatchObject({ code: "too_large" });
});

test("an upload is gone on with only for the same file", () => {
  expect(isOf(upload(5), file)).toBe(true);
  expect(isOf({ ...upload(5), size: 7 }, file)).toBe(false);
  expect(isOf(upload(SIZE, "complete"), file)).toBe(false);
});

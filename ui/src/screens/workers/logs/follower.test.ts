import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Follower } from "./follower";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settled = () => vi.advanceTimersByTimeAsync(0);

test("it asks when there is news, until there is no more", async () => {
  const answers = [true, true, false];
  const ask = vi.fn(async () => answers.shift() ?? false);
  const one = new Follower(ask, () => undefined);
  one.follow(true);
  await settled();
  expect(ask).toHaveBeenCalledTimes(0);
  one.tell();
  await settled();
  expect(ask).toHaveBeenCalledTimes(3);
});

test("one question at a time, and what was said meanwhile is asked for", async () => {
  let answer: (more: boolean) => void = () => undefined;
  const ask = vi.fn(
    () =>
      new Promise<boolean>((resolve) => {
        answer = resolve;
      }),
  );
  const one = new Follower(ask, () => undefined);
  one.follow(true);
  one.tell();
  one.tell();
  expect(ask).toHaveBeenCalledTimes(1);
  answer(false);
  await settled();
  expect(ask).toHaveBeenCalledTimes(2);
});

test("a pause asks nothing, and its end asks for what came", async () => {
  const ask = vi.fn(async () => false);
  const one = new Follower(ask, () => undefined);
  one.tell();
  await settled();
  expect(ask).toHaveBeenCalledTimes(0);
  one.follow(true);
  await settled();
  expect(ask).toHaveBeenCalledTimes(1);
});

test("what failed is said and asked again; nothing after the end", async () => {
  const failed = vi.fn();
  const ask = vi.fn(async () => {
    throw new Error("away");
  });
  const one = new Follower(ask, failed);
  one.follow(true);
  one.tell();
  await vi.advanceTimersByTimeAsync(3000);
  expect([ask.mock.calls.length, failed.mock.calls.length]).toEqual([2, 2]);
  one.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledTimes(2);
});
